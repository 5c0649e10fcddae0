//! The live system that is asked, some time after the event.

use std::sync::{Arc, Mutex};

use auditrd::{model::FileId, resolve::Host};

use super::{
    calls::World,
    tree::{HOST, device},
};

#[derive(Clone, Default)]
pub(crate) struct Later(Arc<Mutex<Option<World>>>);

impl Later {
    pub(crate) fn set(&self, world: &World) {
        *self.0.lock().expect("nobody panics with it") = Some(world.clone());
    }

    fn get(&self) -> World {
        self.0
            .lock()
            .expect("nobody panics with it")
            .clone()
            .expect("it was set")
    }
}

impl Host for Later {
    fn descriptor(&self, pid: u32, fd: u32) -> Option<Vec<u8>> {
        let world = self.get();
        let task = world.tasks.all.iter().find(|task| task.pid == pid)?;
        let at = world.tasks.tables[task.table].get(&fd)?.at;
        (!world.tree.is_socket(at)).then(|| world.tree.path(at, HOST).into_bytes())
    }

    fn file_id(&self, path: &[u8]) -> Option<FileId> {
        let world = self.get();
        let path = str::from_utf8(path).ok()?;
        let at = world.tree.look_up(HOST, HOST, path, false).ok()?;
        let inode = world.tree.inode(at.dentry);
        Some(FileId {
            dev: device(inode.device),
            inode: inode.number,
        })
    }
}
