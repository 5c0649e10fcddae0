//! Switching to another user.

use std::io;

use rustix::{
    io::Errno,
    process::{Gid, Uid, getegid, geteuid, getgroups},
    thread::{set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use crate::error::Error;

/// A user to switch to, with its groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// "user NAME", or "group NAME" if only a group was chosen.
    name: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl User {
    /// Looks up a user and a group by name or number. The group defaults to the user's primary
    /// group, the user to the current one. The user's supplementary groups are included. Returns
    /// `None` if neither is given.
    ///
    /// # Errors
    ///
    /// If the user or group does not exist.
    pub fn find(user: Option<&str>, group: Option<&str>) -> Result<Option<User>, Error> {
        let (name, uid, own_group) = match user {
            Some(name) => find_user(name)?,
            None if group.is_none() => return Ok(None),
            None => (String::new(), geteuid().as_raw(), None),
        };
        let gid = match (group, own_group) {
            (Some(group), _) => find_group(group)?,
            (None, Some(gid)) => gid,
            (None, None) => {
                let error = io::Error::new(io::ErrorKind::NotFound, "no such user");
                return Err(Error::new(format!("find the group of user {name}"), error)
                    .help("a numeric user without an account needs --group"));
            }
        };
        let others = user.and_then(|_| uzers::get_user_groups(&name, gid));
        let mut groups: Vec<u32> = others.iter().flatten().map(uzers::Group::gid).collect();
        groups.push(gid);
        groups.sort_unstable();
        groups.dedup();
        Ok(Some(User {
            name: match (user, group) {
                (None, Some(group)) => format!("group {group}"),
                _ => format!("user {name}"),
            },
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            groups: groups.into_iter().map(Gid::from_raw).collect(),
        }))
    }

    pub(super) fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    /// Whether this is the current user already: then no privilege is needed.
    fn is_this(&self) -> bool {
        (self.uid, self.gid) == (geteuid(), getegid())
    }

    /// Calls `act` as this user, then switches back.
    pub(super) fn act<T>(&self, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        if self.is_this() {
            return act();
        }
        let (uid, gid) = (geteuid(), getegid());
        let groups = getgroups().map_err(|error| self.failed(error))?;
        let switch = |uid: Uid, gid: Gid, groups: &[Gid]| {
            set_thread_groups(groups)?;
            set_thread_res_gid(None, gid, None)?;
            set_thread_res_uid(None, uid, None)
        };
        switch(self.uid, self.gid, &self.groups).map_err(|error| self.failed(error))?;
        let result = act();
        // The user first: only root can change groups.
        set_thread_res_uid(None, uid, None)
            .and_then(|()| switch(uid, gid, &groups))
            .map_err(|error| Error::new("switch back from another user", error.into()))?;
        result
    }

    /// Switches to this user for good. Permitted capabilities are kept.
    pub(super) fn become_for_good(&self) -> Result<(), Error> {
        if self.is_this() {
            return Ok(());
        }
        let switch = || {
            set_keep_capabilities(true)?;
            set_thread_groups(&self.groups)?;
            set_thread_res_gid(self.gid, self.gid, self.gid)?;
            set_thread_res_uid(self.uid, self.uid, self.uid)?;
            set_keep_capabilities(false)
        };
        switch().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: Errno) -> Error {
        Error::new(format!("switch to {}", self.name), error.into())
            .help("needs root, or CAP_SETUID and CAP_SETGID")
    }
}

/// A user's name, number and primary group; a number without an account has no group.
fn find_user(text: &str) -> Result<(String, u32, Option<u32>), Error> {
    let by_number = |number| match uzers::get_user_by_uid(number) {
        Some(user) => Some(user),
        None => uzers::get_user_by_name(text),
    };
    let number = text.parse().ok();
    let user = match number {
        Some(number) => by_number(number),
        None => uzers::get_user_by_name(text),
    };
    match (user, number) {
        (Some(user), _) => {
            let name = user.name().to_string_lossy().into_owned();
            Ok((name, user.uid(), Some(user.primary_group_id())))
        }
        (None, Some(number)) => Ok((text.to_owned(), number, None)),
        (None, None) => Err(no_such("user", text)),
    }
}

fn find_group(text: &str) -> Result<u32, Error> {
    match uzers::get_group_by_name(text) {
        Some(group) => Ok(group.gid()),
        None => text.parse().map_err(|_| no_such("group", text)),
    }
}

fn no_such(what: &str, name: &str) -> Error {
    let error = io::Error::new(io::ErrorKind::NotFound, "it does not exist");
    Error::new(format!("find the {what} {name}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_names_or_numbers() {
        let root = User::find(Some("root"), None).unwrap().unwrap();
        assert_eq!(root.uid.as_raw(), 0);
        assert_eq!(User::find(Some("0"), None).unwrap(), Some(root));
        let user = User::find(Some("7654321"), Some("7654322"))
            .unwrap()
            .unwrap();
        assert_eq!((user.uid.as_raw(), user.gid.as_raw()), (7654321, 7654322));
        assert_eq!(user.groups, [user.gid]);
        assert_eq!(User::find(None, None).unwrap(), None);
    }

    #[test]
    fn a_switch_that_fails_is_named_by_what_was_chosen() {
        let text = |user, group| {
            let user = User::find(user, group).unwrap().unwrap();
            user.failed(Errno::PERM).to_string()
        };
        let alone = text(None, Some("44"));
        assert!(alone.starts_with("cannot switch to group 44: "), "{alone}");
        let both = text(Some("root"), Some("44"));
        assert!(both.starts_with("cannot switch to user root: "), "{both}");
    }

    #[test]
    fn an_unknown_user_or_group_is_named() {
        let text = |user, group| User::find(user, group).unwrap_err().to_string();
        assert!(text(Some("no-such-user"), None).contains("the user no-such-user"));
        assert!(text(Some("root"), Some("no-such-group")).contains("the group no-such-group"));
        assert!(text(Some("7654321"), None).contains("needs --group"));
    }
}
