//! Rules and settings over the audit socket.

use std::{io, os::unix::ffi::OsStrExt, path::Path};

use crate::{
    model::record_type::{
        AUDIT_ADD_RULE, AUDIT_DEL_RULE, AUDIT_MAKE_EQUIV, AUDIT_SET, AUDIT_SET_FEATURE, AUDIT_TRIM,
    },
    rules::{Kernel, Rule, Setting, Settings},
    source::{NetlinkClient, wire},
};

impl Kernel for NetlinkClient {
    fn rules(&mut self) -> io::Result<Vec<Rule>> {
        let rules = NetlinkClient::rules(self)?;
        if rules.loaded.len() < rules.count {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(rules.loaded)
    }

    fn add(&mut self, rule: &Rule, at_front: bool) -> io::Result<()> {
        let bytes = match at_front {
            true => rule.to_bytes_at_the_front(),
            false => rule.to_bytes(),
        };
        self.request(AUDIT_ADD_RULE.0, &bytes)
    }

    fn delete(&mut self, rule: &Rule) -> io::Result<()> {
        self.request(AUDIT_DEL_RULE.0, &rule.to_bytes())
    }

    fn settings(&mut self) -> io::Result<Settings> {
        let status = self.status()?;
        Ok(Settings {
            enabled: status.enabled,
            failure: status.failure,
            rate_limit: status.rate_limit,
            backlog_limit: status.backlog_limit,
            backlog_wait_time: status.backlog_wait_time,
        })
    }

    fn set(&mut self, setting: Setting) -> io::Result<()> {
        match wire::setting(setting) {
            Some(status) => self.request(AUDIT_SET.0, &status),
            None => self.request(AUDIT_SET_FEATURE.0, &wire::loginuid_immutable()),
        }
    }

    fn trim(&mut self) -> io::Result<()> {
        self.request(AUDIT_TRIM.0, &[])
    }

    /// The lengths of both paths, and the paths (kernel/audit.c, `audit_receive_msg`).
    fn make_equivalent(&mut self, mount: &Path, subtree: &Path) -> io::Result<()> {
        let paths = [mount, subtree].map(|path| path.as_os_str().as_bytes());
        let mut payload = Vec::new();
        for path in paths {
            let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
            payload.extend_from_slice(&length.to_ne_bytes());
        }
        payload.extend(paths.concat());
        self.request(AUDIT_MAKE_EQUIV.0, &payload)
    }
}
