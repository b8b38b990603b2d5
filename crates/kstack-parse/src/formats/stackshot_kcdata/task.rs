//! A task container → a process with its images, threads and waits.

use std::collections::BTreeMap;

use kstack_model::{
    Basis, Fact, Note, PortLabel, PortLabelId, Process, SharedCache, Turnstile, WaitInfo, WaitType,
};

use super::facts::{self, Naming};
use super::images::{self, KernelImages};
use super::item::{Elements, Item, tag};
use super::layout::Type;
use super::thread::{Threads, text};
use super::tree::{Node, children};
use super::wire::containers;

const TASK_SNAPSHOT: u32 = 0x905;
const THREAD_WAITINFO: u32 = 0x91d;
const THREAD_TURNSTILEINFO: u32 = 0x929;
const TRANSITIONING_TASK_SNAPSHOT: u32 = 0x930;
const PORTLABEL: u32 = 0x935;
const PORTLABEL_NAME: u32 = 0x936;
const TASK_DELTA_SNAPSHOT: u32 = 0x940;
const THREAD_DELTA_SNAPSHOT: u32 = 0x941;
const SHAREDCACHE_ID: u32 = 0x945;
/// Bytes of its first version.
const SMALLEST_THREAD_DELTA: usize = 48;

/// The shared caches a stackshot speaks of outside its tasks.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    /// The one of kernels that know one only.
    pub(crate) system: Option<SharedCache>,
    /// Those in containers.
    numbered: Vec<SharedCache>,
    /// Where each of these is, by its number.
    by_id: BTreeMap<u64, usize>,
    /// Where the system's own is among them.
    primary: Option<usize>,
}

/// A task as it is read.
#[derive(Debug, Default)]
pub(crate) struct Task {
    pub(crate) process: Process,
    /// Kernel and kexts, for the task that lists them.
    pub(crate) kernel: KernelImages,
    /// Threads that did not run since the capture that a delta refers to.
    pub(crate) unchanged: usize,
    flags: u64,
    own_cache: Option<SharedCache>,
    cache_id: Option<u64>,
    /// Entries of the list of images that the kernel could not read.
    unread_images: usize,
}

/// Reads the items of a task container. Their order means nothing.
///
/// `id` is the unique id of the process; the kernel's is 0.
pub(crate) fn read(
    id: u64,
    nodes: &[Node<'_>],
    caches: &Caches,
    threads: &mut Threads<'_>,
) -> Task {
    let mut task = Task::default();
    task.process.space.basis = Basis::Slid;
    if id == 0 {
        task.process.pid = Some(0);
    }
    let count = children(nodes)
        .filter(|(item, _)| is_container(item, containers::THREAD))
        .count();
    task.process.threads.reserve_exact(count);
    for (item, inside) in children(nodes) {
        if is_container(&item, containers::THREAD) {
            task.process
                .threads
                .push(threads.thread(item.flags, inside));
        } else if is_container(&item, containers::PORTLABEL) {
            task.process
                .port_labels
                .push(port_label(item.flags, inside));
        } else if !task.take(id == 0, &item) {
            // Its fields are called as those of every image, so only the path tells what they are.
            let naming = if item.tag == images::tag::KERNELCACHE_LOADINFO {
                Naming::Path("")
            } else {
                Naming::Field
            };
            let facts = &mut task.process.facts;
            facts::add(facts, &item, inside, naming, &mut threads.unknown);
        }
    }
    task.finish(caches, threads);
    task
}

pub(crate) fn is_container(item: &Item<'_>, of: u32) -> bool {
    item.tag == tag::CONTAINER_BEGIN && item.container_tag() == of
}

impl Task {
    /// Takes an item that has a place in the model.
    fn take(&mut self, is_kernel: bool, item: &Item<'_>) -> bool {
        let Some(elements) = item.elements() else {
            return false;
        };
        match elements.tag {
            TASK_SNAPSHOT | TASK_DELTA_SNAPSHOT | TRANSITIONING_TASK_SNAPSHOT => {
                self.snapshot(elements)
            }
            images::tag::LOADINFO32
            | images::tag::LOADINFO64
            | images::tag::LOADINFO64_TEXT_EXEC
                if is_kernel =>
            {
                self.kernel.add(elements);
            }
            images::tag::KERNELCACHE_LOADINFO if is_kernel => {
                self.kernel.add_collection(elements);
                return false;
            }
            images::tag::LOADINFO32 | images::tag::LOADINFO64 => {
                self.unread_images += images::add_user(&mut self.process.space, elements);
            }
            images::tag::AOTINFO => {
                images::add_translated(&mut self.process.space, elements);
                return false;
            }
            images::tag::SHAREDCACHE_LOADINFO => self.own_cache = images::cache(item),
            SHAREDCACHE_ID => {
                self.cache_id = first(elements);
                return false;
            }
            THREAD_WAITINFO => self.process.waits.extend(read_all(elements, wait_info)),
            THREAD_TURNSTILEINFO => self
                .process
                .turnstiles
                .extend(read_all(elements, turnstile)),
            THREAD_DELTA_SNAPSHOT => {
                let before = self.process.threads.len();
                if before == 0 {
                    let at_most = item.payload.len() / SMALLEST_THREAD_DELTA;
                    self.process
                        .threads
                        .reserve_exact(elements.len().min(at_most));
                }
                self.process
                    .threads
                    .extend(read_all(elements, Threads::unchanged));
                self.unchanged += self.process.threads.len() - before;
            }
            _ => return false,
        }
        true
    }

    /// Takes the task's record, in whichever of its three forms.
    fn snapshot(&mut self, elements: Elements<'_>) {
        let Some(of) = elements.known() else { return };
        for data in elements {
            for field in of.fields {
                let Some(scalar) = field.read(data) else {
                    break;
                };
                match field.name {
                    "ts_pid" | "tts_pid" => self.pid(scalar.bits(), field.name),
                    "ts_p_comm" | "tts_p_comm" => {
                        let name = scalar.text();
                        self.process.name = (!name.is_empty()).then_some(name);
                    }
                    _ => {
                        if matches!(field.name, "ts_ss_flags" | "tds_ss_flags" | "tts_ss_flags") {
                            self.flags = scalar.bits();
                        }
                        facts::add_field(&mut self.process.facts, field, scalar, Naming::Field);
                    }
                }
            }
        }
    }

    /// A pid is negated while its process is in the middle of an exec (xnu-7195.50 and later).
    fn pid(&mut self, bits: u64, name: &'static str) {
        let Ok(pid) = i32::try_from(bits.cast_signed()) else {
            return;
        };
        self.process.pid = Some(pid.checked_abs().unwrap_or(pid));
        if pid < 0 {
            self.process.facts.push(Fact::new(name, pid));
        }
    }

    fn finish(&mut self, caches: &Caches, threads: &mut Threads<'_>) {
        if self.unread_images > 0 {
            let who = self.process.name.as_deref().unwrap_or("a process");
            let pid = self.process.pid.unwrap_or_default();
            threads.notes.push(Note::new(format!(
                "{} images of {} ({pid}) are not known: the kernel could not read the list",
                self.unread_images,
                who.escape_debug(),
            )));
        }
        // The kernel has no user space.
        let is_kernel = self.process.pid == Some(0);
        let used = if is_kernel {
            None
        } else {
            caches.used_by(self.own_cache.as_ref(), self.cache_id, self.flags)
        };
        if let Some(cache) = used {
            images::use_cache(&mut self.process.space, cache);
        }
        let process = &mut self.process;
        process.facts.shrink_to_fit();
        process.space.images.shrink_to_fit();
    }
}

impl Caches {
    /// Adds the cache of a container with this number.
    pub(crate) fn add(&mut self, id: u64, cache: SharedCache) {
        const PRIMARY: u32 = 1;
        let place = self.numbered.len();
        if cache.flags & PRIMARY != 0 {
            self.primary.get_or_insert(place);
        }
        self.by_id.entry(id).or_insert(place);
        self.numbered.push(cache);
    }

    /// All of them. Newer kernels repeat the primary one outside its container for older readers.
    pub(crate) fn into_list(self) -> Vec<SharedCache> {
        let mut all = self.numbered;
        if let Some(system) = self.system {
            let is_same =
                |cache: &&mut SharedCache| cache.uuid.is_some() && cache.uuid == system.uuid;
            match all.iter_mut().find(is_same) {
                Some(cache) if cache.images.is_empty() => cache.images = system.images,
                Some(_) => {}
                None => all.push(system),
            }
        }
        all
    }

    /// The shared cache a task uses, from its own entry, the number it states, and its flags.
    ///
    /// Up to xnu-8020 it is its own entry if it has one, else the system's.
    /// From 7195.101 flags tell, and from 8792 a number names any other.
    fn used_by<'c>(
        &'c self,
        own: Option<&'c SharedCache>,
        id: Option<u64>,
        flags: u64,
    ) -> Option<&'c SharedCache> {
        const UNAVAILABLE: u64 = 0x80_0000;
        const NONE: u64 = 0x2000_0000;
        const OTHER: u64 = 0x8000_0000;
        if own.is_some() {
            return own;
        }
        let at = |place: usize| self.numbered.get(place);
        if let Some(id) = id {
            return self.by_id.get(&id).copied().and_then(at);
        }
        if flags & (UNAVAILABLE | NONE | OTHER) != 0 {
            return None;
        }
        self.primary.and_then(at).or(self.system.as_ref())
    }
}

fn first(elements: Elements<'_>) -> Option<u64> {
    let of = elements.known()?;
    let bits = |data| of.first(data).map(super::layout::Scalar::bits);
    elements.filter_map(bits).next()
}

/// Reads each element of a known type; those too short for what they must say are left out.
fn read_all<'a, T: 'a>(
    elements: Elements<'a>,
    read: impl Fn(&'static Type<'static>, &[u8]) -> Option<T> + 'a,
) -> impl Iterator<Item = T> + 'a {
    let of = elements.known();
    elements.filter_map(move |data| read(of?, data))
}

fn wait_info(of: &Type<'_>, data: &[u8]) -> Option<WaitInfo> {
    let [owner, waiter, context, wait_type, label, flags] = of.fields else {
        return None;
    };
    let word = |field: &super::layout::Field<'_>| field.read(data).map(super::layout::Scalar::bits);
    Some(WaitInfo {
        waiter: word(waiter)?,
        wait_type: WaitType(u8::try_from(word(wait_type)?).ok()?),
        owner: word(owner)?,
        context: word(context)?,
        flags: word(flags)
            .and_then(|flags| u32::try_from(flags).ok())
            .unwrap_or_default(),
        port_label: label_id(word(label)),
    })
}

fn turnstile(of: &Type<'_>, data: &[u8]) -> Option<Turnstile> {
    let [waiter, context, priority, hops, flags, label] = of.fields else {
        return None;
    };
    let word = |field: &super::layout::Field<'_>| field.read(data).map(super::layout::Scalar::bits);
    Some(Turnstile {
        waiter: word(waiter)?,
        context: word(context)?,
        priority: u8::try_from(word(priority)?).ok()?,
        hops: u8::try_from(word(hops)?).ok()?,
        flags: word(flags)?,
        port_label: label_id(word(label)),
    })
}

/// The label of a record; records of kernels before 8020.101 end before it.
fn label_id(bits: Option<u64>) -> PortLabelId {
    let id = bits.and_then(|bits| i16::try_from(bits.cast_signed()).ok());
    id.map_or(PortLabelId::None, PortLabelId::from_raw)
}

fn port_label(id: u64, nodes: &[Node<'_>]) -> PortLabel {
    let mut label = PortLabel {
        id,
        ..PortLabel::default()
    };
    for (item, _) in children(nodes) {
        match item.tag {
            PORTLABEL_NAME => label.name = text(&item),
            PORTLABEL => {
                let data = item.data();
                if let Some(&[_, _, low, high, domain]) = data.first_chunk::<5>() {
                    label.flags = u16::from_le_bytes([low, high]);
                    label.domain = domain;
                }
            }
            _ => {}
        }
    }
    label
}
