//! The kernel stacks of the sample stackshots: real return addresses of the built images.

use anyhow::Result;

use super::code::Code;

/// The images of one machine, each where it is loaded.
#[derive(Debug)]
pub(crate) struct Machine {
    /// `mach_kernel`.
    pub(crate) kernel: Code,
    /// `spl.kext`.
    pub(crate) spl: Code,
    /// `zfs.kext`.
    pub(crate) zfs: Code,
}

impl Machine {
    /// `zpool create` waits until all disks are open.
    pub(crate) fn zpool_create(&self) -> Result<Vec<u64>> {
        let Machine { kernel, spl, zfs } = self;
        let mut stack = self.asleep()?;
        for function in ["spl_cv_wait", "taskq_wait", "taskq_destroy"] {
            stack.push(spl.pinned(function)?);
        }
        stack.extend([
            zfs.pinned("vdev_open_children")?,
            zfs.pinned("vdev_root_open")?,
            zfs.pinned("vdev_open")?,
            zfs.pinned("vdev_create")?,
            zfs.pinned("spa_create")?,
            zfs.pinned("zfs_ioc_pool_create")?,
            zfs.pinned("zfsdev_ioctl")?,
            kernel.pinned("spec_ioctl")?,
            kernel.pinned("VNOP_IOCTL")?,
            kernel.call("vn_ioctl", "VNOP_IOCTL")?,
            kernel.call("ioctl", "vn_ioctl")?,
            kernel.pinned("unix_syscall64")?,
            kernel.call("hndl_unix_scall64", "unix_syscall64")?,
        ]);
        Ok(stack)
    }

    /// A thread of a task queue opens a disk and waits for it to be free: what all others wait for.
    pub(crate) fn vdev_opener(&self) -> Result<Vec<u64>> {
        let Machine { kernel, spl, zfs } = self;
        let mut stack = self.asleep()?;
        stack.extend([
            zfs.call("vdev_disk_open", "msleep")?,
            zfs.pinned("vdev_open")?,
            zfs.call("vdev_open_child", "vdev_open")?,
            spl.pinned("taskq_thread")?,
            kernel.pinned("call_continuation")?,
        ]);
        Ok(stack)
    }

    /// A thread of a task queue waits for work.
    pub(crate) fn idle_worker(&self) -> Result<Vec<u64>> {
        let Machine { kernel, spl, .. } = self;
        let mut stack = self.asleep()?;
        stack.extend([
            spl.pinned("spl_cv_wait")?,
            spl.call("taskq_thread", "spl_cv_wait")?,
            kernel.pinned("call_continuation")?,
        ]);
        Ok(stack)
    }

    /// A thread waits for a message.
    pub(crate) fn message_receiver(&self) -> Result<Vec<u64>> {
        let kernel = &self.kernel;
        let mut stack = self.blocked()?;
        stack.extend([
            kernel.call("ipc_mqueue_receive", "thread_block_reason")?,
            kernel.call("mach_msg_overwrite_trap", "ipc_mqueue_receive")?,
            kernel.call("hndl_mach_scall64", "mach_msg_overwrite_trap")?,
        ]);
        Ok(stack)
    }

    /// A processor has nothing to do.
    pub(crate) fn idle_processor(&self) -> Result<Vec<u64>> {
        let kernel = &self.kernel;
        let mut stack = self.blocked()?;
        stack.extend([
            kernel.call("idle_thread", "thread_block_reason")?,
            kernel.pinned("call_continuation")?,
        ]);
        Ok(stack)
    }

    fn asleep(&self) -> Result<Vec<u64>> {
        let mut stack = self.blocked()?;
        for function in ["lck_mtx_sleep", "sleep_on", "msleep"] {
            stack.push(self.kernel.pinned(function)?);
        }
        Ok(stack)
    }

    fn blocked(&self) -> Result<Vec<u64>> {
        let functions = [
            "machine_switch_context",
            "thread_invoke",
            "thread_block_reason",
        ];
        functions
            .iter()
            .map(|function| self.kernel.pinned(function))
            .collect()
    }
}

/// Frames as a kernel walks them: each address with a frame pointer above the one before, a zero at the end.
pub(crate) fn walked(addresses: &[u64], stack: u64) -> Vec<(u64, u64)> {
    let last = addresses.len().saturating_sub(1);
    let pointer = |index: usize| {
        if index == last {
            0
        } else {
            stack + 0x50 * index as u64 + 0x20 * (index as u64 % 3)
        }
    };
    addresses
        .iter()
        .enumerate()
        .map(|(index, address)| (*address, pointer(index)))
        .collect()
}
