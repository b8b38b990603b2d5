//! Stacks that are the same, once, with who has them.

use super::label::{Label, LabelId, Labels, Owner};
use super::threads::{ThreadEntry, ThreadIndex, Threads};
use foldhash::HashMap;

/// Threads whose stacks are the same or nearly so.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Threads function for function the same on both sides; the shape most have comes first.
    pub variants: Vec<Vec<ThreadIndex>>,
    /// Why it stands where it does.
    pub rank: Rank,
}

/// How much a stack matters; the first matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// That of the thread that panicked.
    Panicked,
    /// It passes through a kext whose symbol file was given.
    GivenKext,
    /// It passes through a kext that is not known to be the system's.
    OtherKext,
    /// It is blocked and cannot be interrupted.
    Uninterruptible,
    /// Any other.
    Ordinary,
}

impl Rank {
    /// Why such stacks come where they do, as a heading.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Rank::Panicked => "panicked",
            Rank::GivenKext => "in the given kexts",
            Rank::OtherKext => "in kexts that are not known to be the system's",
            Rank::Uninterruptible => "blocked, cannot be interrupted",
            Rank::Ordinary => "other",
        }
    }
}

impl Group {
    /// All its threads.
    pub fn threads(&self) -> impl Iterator<Item = ThreadIndex> {
        self.variants.iter().flatten().copied()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.variants.iter().map(Vec::len).sum()
    }

    /// Whether there is none; a group has at least one thread.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Idle threads that do the same nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleGroup {
    /// What they do, as the table has it.
    pub what: &'static str,
    /// How many.
    pub threads: usize,
}

/// The busy threads by their stacks, what matters most first.
///
/// *Nearly the same* are stacks whose kernel functions agree, however often
/// a recursion repeats and wherever in the functions they are; user frames
/// may differ. Where the kernel side tells nothing but the way of waiting,
/// user frames count too. Threads of one group have one rank.
pub(crate) fn groups(threads: &Threads<'_>, labels: &Labels) -> Vec<Group> {
    let mut near: HashMap<(Rank, Vec<LabelId>), usize> = HashMap::default();
    let mut exact: HashMap<(usize, &[LabelId], &[LabelId]), usize> = HashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    for (index, thread) in threads.all.iter().enumerate() {
        if thread.idle.is_some() || thread.thread.stacks.is_empty() {
            continue;
        }
        let rank = rank(thread, labels);
        let at = *near
            .entry((rank, nearly(thread, labels)))
            .or_insert_with(|| {
                groups.push(Group {
                    variants: Vec::new(),
                    rank,
                });
                groups.len() - 1
            });
        let Some(group) = groups.get_mut(at) else {
            continue;
        };
        let variant = *exact
            .entry((at, &thread.kernel, &thread.user))
            .or_insert_with(|| {
                group.variants.push(Vec::new());
                group.variants.len() - 1
            });
        if let Some(variant) = group.variants.get_mut(variant) {
            variant.push(index);
        }
    }
    for group in &mut groups {
        group
            .variants
            .sort_by_key(|threads| std::cmp::Reverse(threads.len()));
    }
    // Stable: of equals the one that the report has first stays first.
    groups.sort_by_key(|group| (group.rank, std::cmp::Reverse(group.len())));
    groups
}

/// The idle threads, the most common kind first.
pub(crate) fn idle_groups(threads: &Threads<'_>) -> Vec<IdleGroup> {
    let mut groups: Vec<IdleGroup> = Vec::new();
    for what in threads.all.iter().filter_map(|thread| thread.idle) {
        match groups.iter_mut().find(|group| group.what == what) {
            Some(group) => group.threads += 1,
            None => groups.push(IdleGroup { what, threads: 1 }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.threads));
    groups
}

fn nearly(thread: &ThreadEntry<'_>, labels: &Labels) -> Vec<LabelId> {
    let mut key = thread.kernel.clone();
    key.dedup();
    key.extend(thread.continuation);
    let tells = |id: &LabelId| labels.get(*id).is_some_and(Label::is_meaningful);
    if !thread.kernel.iter().skip(thread.machinery).any(tells) {
        let mut user = thread.user.clone();
        user.dedup();
        key.extend(user);
    }
    key
}

fn rank(thread: &ThreadEntry<'_>, labels: &Labels) -> Rank {
    let cannot_be_interrupted = || {
        let state = thread.thread.state.unwrap_or_default();
        let uninterruptible = state.contains(kstack_model::ThreadState::UNINT);
        uninterruptible && thread.is_blocked() == Some(true)
    };
    if thread.panicked() {
        Rank::Panicked
    } else if thread.is_in(labels, |label| label.is_given_kext) {
        Rank::GivenKext
    } else if thread.is_in(labels, |label| label.owner == Owner::Kext) {
        Rank::OtherKext
    } else if cannot_be_interrupted() {
        Rank::Uninterruptible
    } else {
        Rank::Ordinary
    }
}
