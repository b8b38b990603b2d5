//! What threads wait for, and who has it, as the kernel recorded it.
//!
//! Numbers and names are those of xnu-11417.101.15: `osfmk/kern/block_hint.h`
//! for the types, `osfmk/kern/kcdata.h` for the rest. The owner of a wait is a
//! thread, a process or a port, depending on the type; the raw number is kept
//! and [`WaitInfo::waits_for`] says which it is.

/// What one thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitInfo {
    /// Id of the waiting thread.
    pub waiter: u64,
    /// The kind of object.
    pub wait_type: WaitType,
    /// Who has the object, raw; its meaning depends on the type.
    pub owner: u64,
    /// The object itself. Kernel addresses are obscured, but equal ones mean the same object within one boot;
    /// user addresses mean something only together with the process.
    pub context: u64,
    /// 1: the port is a special reply port, so the thread waits for the answer to a synchronous call.
    pub flags: u32,
    /// The label of the port, of the same process.
    pub port_label: PortLabelId,
}

/// A thread's turnstile, followed to the end of its priority inheritance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turnstile {
    /// Id of the waiting thread.
    pub waiter: u64,
    /// Who is at the end, raw; its meaning depends on the flags.
    pub context: u64,
    /// The priority that is pushed.
    pub priority: u8,
    /// Turnstiles walked; 1 is the waiter's own.
    pub hops: u8,
    /// What the context is.
    pub flags: u64,
    /// The label of the port, of the same process.
    pub port_label: PortLabelId,
}

/// The name of a port that threads of a process wait on: a service of launchd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortLabel {
    /// Counted from 1 within the process.
    pub id: u64,
    /// The service.
    pub name: Option<String>,
    /// 1: the name could not be read; 2: a throttled service.
    pub flags: u16,
    /// The launchd domain: 1 system, 2 user, 5 process, 7 port.
    pub domain: u8,
}

/// Which label a wait points to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortLabelId {
    /// None, or a kernel that records none.
    #[default]
    None,
    /// One that the kernel had no room to record.
    Lost,
    /// The one with this id in the same process.
    Id(u64),
}

impl PortLabelId {
    /// From the number as the kernel writes it.
    #[must_use]
    pub fn from_raw(raw: i16) -> PortLabelId {
        match u64::try_from(raw) {
            Ok(0) => PortLabelId::None,
            Ok(id) => PortLabelId::Id(id),
            Err(_) => PortLabelId::Lost,
        }
    }
}

/// The kind of object a thread waits for. Values never changed; later kernels added some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitType(pub u8);

/// What the owner of a wait, or the end of a turnstile, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// A thread, by id.
    Thread(u64),
    /// A process, by pid; which of its threads is not known.
    Process(i32),
    /// Any child of the process.
    AnyChild,
    /// A child in a process group; 0 is the waiter's own.
    ProcessGroup(u32),
    /// The kernel.
    Kernel,
    /// A port, by its name in the waiting process: the thread is the port's receiver.
    PortName(u64),
    /// A port that is travelling to this other port, whose address is obscured.
    PortDestination(u64),
    /// A port that is travelling in a message.
    PortInTransit,
    /// The port or port set was locked, so nothing is known.
    PortLocked,
    /// A mutex that is held by a spinning thread.
    SpinningMutex,
    /// A work loop that waits for a thread to be made.
    ThreadRequested,
    /// A work loop that is suspended.
    WorkloopSuspended,
    /// A work queue, whose address is obscured.
    WorkQueue(u64),
    /// Not recorded, not known, or nobody: a lock that readers hold has no owner.
    Unknown,
}

const NAMES: [&str; 0x20] = [
    "None",
    "KernelMutex",
    "PortReceive",
    "PortSetReceive",
    "PortSend",
    "PortSendInTransit",
    "Semaphore",
    "KernelRWLockRead",
    "KernelRWLockWrite",
    "KernelRWLockUpgrade",
    "UserLock",
    "PThreadMutex",
    "PThreadRWLockRead",
    "PThreadRWLockWrite",
    "PThreadCondVar",
    "ParkedWorkQueue",
    "WorkloopSyncWait",
    "OnProcess",
    "SleepWithInheritor",
    "Eventlink",
    "Compressor",
    "ParkedBoundWorkQueue",
    "PageBusy",
    "PagerInit",
    "PagerReady",
    "PagingActivity",
    "MappingInProgress",
    "MemoryBlocked",
    "PagingInProgress",
    "PageInThrottle",
    "ExclaveCore",
    "ExclaveKit",
];

impl WaitType {
    /// A mutex of the kernel.
    pub const KERNEL_MUTEX: WaitType = WaitType(1);
    /// A read-write lock of the kernel, to read under it.
    pub const RW_LOCK_READ: WaitType = WaitType(7);
    /// The same, to write.
    pub const RW_LOCK_WRITE: WaitType = WaitType(8);
    /// The same, held for reading and wanted for writing.
    pub const RW_LOCK_UPGRADE: WaitType = WaitType(9);
    /// A lock of user space that the kernel helps with: an unfair lock.
    pub const USER_LOCK: WaitType = WaitType(0xa);
    /// A mutex of libpthread.
    pub const PTHREAD_MUTEX: WaitType = WaitType(0xb);
    /// Receiving on a port.
    pub const PORT_RECEIVE: WaitType = WaitType(2);
    /// Receiving on a set of ports.
    pub const PORT_SET_RECEIVE: WaitType = WaitType(3);
    /// Sending to a port that is full.
    pub const PORT_SEND: WaitType = WaitType(4);
    /// Sending to a port that is itself on its way.
    pub const PORT_SEND_IN_TRANSIT: WaitType = WaitType(5);
    /// A Mach semaphore.
    pub const SEMAPHORE: WaitType = WaitType(6);
    /// A condition variable of user space.
    pub const CONDITION: WaitType = WaitType(0xe);
    /// Waiting for a child process.
    pub const ON_PROCESS: WaitType = WaitType(0x11);

    /// The kernel's name without its prefix; `None` for one that came after xnu-11417.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).copied()
    }

    /// Whether the owner of such a wait is a thread id.
    #[must_use]
    pub fn has_thread_owner(self) -> bool {
        matches!(self.0, 0x1 | 0x7..=0xb | 0x10 | 0x12..=0x14 | 0x1e | 0x1f)
    }

    /// Whether somebody owns such a thing, recorded or not: a thread, a process, or a lock's readers.
    #[must_use]
    pub fn has_owner(self) -> bool {
        self.has_thread_owner() || matches!(self.0, 0x4 | 0x6 | 0xc | 0xd)
    }

    /// Whether it is a lock of user space: its context is an address of the process.
    #[must_use]
    pub fn is_of_user_space(self) -> bool {
        matches!(self.0, 0xa..=0xe | 0x10)
    }
}

impl WaitInfo {
    /// Whom the thread waits for, as far as the record tells.
    #[must_use]
    pub fn waits_for(&self) -> WaitsFor {
        // wait4 takes small negative numbers, which look like the special owners below.
        if self.wait_type == WaitType::ON_PROCESS {
            return on_process(self.owner);
        }
        if let Some(special) = special_owner(self.owner) {
            return special;
        }
        match self.wait_type {
            _ if self.owner == 0 => WaitsFor::Unknown,
            WaitType::PORT_RECEIVE => WaitsFor::PortName(self.owner),
            WaitType::PORT_SEND_IN_TRANSIT => WaitsFor::PortDestination(self.owner),
            WaitType::PORT_SEND | WaitType::SEMAPHORE => process(self.owner),
            other if other.has_thread_owner() => WaitsFor::Thread(self.owner),
            _ => WaitsFor::Unknown,
        }
    }

    /// Whether the thread waits for the answer to a synchronous call.
    #[must_use]
    pub fn is_for_a_reply(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// Values at the top of the owner field that are no owner.
fn special_owner(owner: u64) -> Option<WaitsFor> {
    Some(match u64::MAX - owner {
        1 => WaitsFor::Kernel,
        2 | 3 => WaitsFor::PortLocked,
        4 => WaitsFor::PortInTransit,
        5 => WaitsFor::SpinningMutex,
        6 => WaitsFor::ThreadRequested,
        7 => WaitsFor::WorkloopSuspended,
        _ => return None,
    })
}

/// The argument of wait4: a pid, −1 for any child, 0 or a negated process group.
fn on_process(owner: u64) -> WaitsFor {
    let argument = owner.cast_signed();
    match argument {
        -1 => WaitsFor::AnyChild,
        1.. => process(owner),
        _ => {
            u32::try_from(argument.unsigned_abs()).map_or(WaitsFor::Unknown, WaitsFor::ProcessGroup)
        }
    }
}

fn process(pid: u64) -> WaitsFor {
    i32::try_from(pid).map_or(WaitsFor::Unknown, WaitsFor::Process)
}

impl Turnstile {
    /// Who is at the end of the chain. If several flags are set, the order is that of Apple's own reader
    /// (xnu-11417.101.15, `tools/lldbmacros/kcdata.py`).
    #[must_use]
    pub fn waits_for(&self) -> WaitsFor {
        const LOCKED_WAITQ: u64 = 0x2;
        const WORKQUEUE: u64 = 0x4;
        const THREAD: u64 = 0x8;
        const BLOCKED_ON_TASK: u64 = 0x10;
        const HELD_IPLOCK: u64 = 0x20;
        let has = |flag| self.flags & flag != 0;
        if has(HELD_IPLOCK) {
            WaitsFor::PortLocked
        } else if has(BLOCKED_ON_TASK) {
            process(self.context)
        } else if has(LOCKED_WAITQ) {
            WaitsFor::Unknown
        } else if has(WORKQUEUE) {
            WaitsFor::WorkQueue(self.context)
        } else if has(THREAD) {
            WaitsFor::Thread(self.context)
        } else {
            WaitsFor::Unknown
        }
    }

    /// Whether its label is that of a port to which the thread sent: the service is asked for something.
    #[must_use]
    pub fn is_for_a_send_port(&self) -> bool {
        const SENDPORT: u64 = 0x40;
        self.flags & SENDPORT != 0
    }

    /// Whether its label is that of a port on which the thread receives: it offers the service.
    #[must_use]
    pub fn is_for_a_receive_port(&self) -> bool {
        const RECEIVEPORT: u64 = 0x80;
        self.flags & RECEIVEPORT != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(wait_type: u8, owner: u64) -> WaitsFor {
        WaitInfo {
            waiter: 1,
            wait_type: WaitType(wait_type),
            owner,
            context: 0,
            flags: 0,
            port_label: PortLabelId::None,
        }
        .waits_for()
    }

    #[test]
    fn the_type_decides_whether_an_owner_is_a_thread_or_a_process() {
        assert_eq!(wait(0x1, 77), WaitsFor::Thread(77));
        assert_eq!(wait(0x4, 77), WaitsFor::Process(77));
        assert_eq!(wait(0x2, 77), WaitsFor::PortName(77));
        assert_eq!(wait(0x1, 0), WaitsFor::Unknown);
        assert_eq!(wait(0x40, 77), WaitsFor::Unknown);
    }

    #[test]
    fn special_owners_are_no_threads() {
        assert_eq!(wait(0x4, u64::MAX - 1), WaitsFor::Kernel);
        assert_eq!(wait(0x1, u64::MAX - 5), WaitsFor::SpinningMutex);
        assert_eq!(wait(0x10, u64::MAX - 6), WaitsFor::ThreadRequested);
    }

    #[test]
    fn the_argument_of_wait4_may_be_negative() {
        assert_eq!(wait(0x11, u64::MAX), WaitsFor::AnyChild);
        assert_eq!(wait(0x11, u64::MAX - 1), WaitsFor::ProcessGroup(2));
        assert_eq!(wait(0x11, 0), WaitsFor::ProcessGroup(0));
        assert_eq!(wait(0x11, 501), WaitsFor::Process(501));
    }

    #[test]
    fn a_held_port_lock_says_more_than_the_thread_bit() {
        let mut turnstile = Turnstile {
            waiter: 1,
            context: 9,
            priority: 31,
            hops: 2,
            flags: 0x88,
            port_label: PortLabelId::None,
        };
        assert_eq!(turnstile.waits_for(), WaitsFor::Thread(9));
        turnstile.flags |= 0x20;
        assert_eq!(turnstile.waits_for(), WaitsFor::PortLocked);
    }

    #[test]
    fn a_negative_label_is_lost() {
        assert_eq!(PortLabelId::from_raw(-1), PortLabelId::Lost);
        assert_eq!(PortLabelId::from_raw(3), PortLabelId::Id(3));
    }

    #[test]
    fn the_names_end_where_the_known_kernels_do() {
        assert_eq!(WaitType(0x1f).name(), Some("ExclaveKit"));
        assert_eq!(WaitType(0x20).name(), None);
    }
}
