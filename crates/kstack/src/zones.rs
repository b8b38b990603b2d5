//! Which zones grow, and which are suspected of a leak.

use std::collections::BTreeMap;

use kstack_parse::zones::Zone;

/// A zone at the time of each table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneHistory {
    /// Its name.
    pub name: String,
    /// What each table says of it; `None` where a table does not have it.
    pub tables: Vec<Option<Zone>>,
    /// Why it is suspected, as sentences; empty when it is not.
    pub suspected: Vec<String>,
}

impl ZoneHistory {
    /// What the last table that has it says.
    #[must_use]
    pub fn last(&self) -> Option<&Zone> {
        self.tables.iter().rev().find_map(Option::as_ref)
    }

    /// Elements in use in the last table minus those in the first; `None` unless both have it.
    #[must_use]
    pub fn growth(&self) -> Option<i64> {
        let (first, last) = (
            self.tables.first()?.as_ref()?,
            self.tables.last()?.as_ref()?,
        );
        let last_count = i64::try_from(last.in_use).ok()?;
        last_count.checked_sub(i64::try_from(first.in_use).ok()?)
    }

    /// The same in bytes.
    #[must_use]
    pub fn growth_in_bytes(&self) -> Option<i64> {
        let element = i64::try_from(self.last()?.element).ok()?;
        Some(self.growth()?.saturating_mul(element))
    }

    /// Whether it was never smaller than in the table before, and grew at least once.
    #[must_use]
    pub fn only_grew(&self) -> bool {
        let counts: Option<Vec<u64>> = self
            .tables
            .iter()
            .map(|zone| zone.as_ref().map(|zone| zone.in_use))
            .collect();
        let Some(counts) = counts else { return false };
        counts.is_sorted() && counts.first() < counts.last()
    }
}

/// What zones are sorted by, the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Bytes in use in the last table.
    InUse,
    /// Bytes taken in the last table, those of free elements included.
    Size,
    /// How many bytes in use more than in the first table; those of which it is not known come last.
    Growth,
}

impl Order {
    /// Growth, where there are tables to compare.
    #[must_use]
    pub fn of(tables: usize) -> Order {
        match tables {
            0 | 1 => Order::InUse,
            _ => Order::Growth,
        }
    }
}

/// Growth in bytes below which a zone is not suspected.
const WORTH_A_LOOK: i64 = 1 << 20;

/// The zones of one or more tables of the same machine, oldest first.
#[must_use]
pub fn histories(tables: &[Vec<Zone>], order: Order) -> Vec<ZoneHistory> {
    // Zones of one name and different elements are different zones.
    let mut by_name: BTreeMap<(&str, u64), Vec<Option<Zone>>> = BTreeMap::new();
    for (index, table) in tables.iter().enumerate() {
        for zone in table {
            let history = by_name
                .entry((&zone.name, zone.element))
                .or_insert_with(|| vec![None; tables.len()]);
            if let Some(slot) = history.get_mut(index) {
                match slot {
                    // Some zones share a name; together they are what grows.
                    Some(known) => {
                        known.in_use = known.in_use.saturating_add(zone.in_use);
                        known.size = known.size.saturating_add(zone.size);
                    }
                    None => *slot = Some(zone.clone()),
                }
            }
        }
    }
    let mut histories: Vec<ZoneHistory> = by_name
        .into_iter()
        .map(|((name, _), tables)| ZoneHistory {
            name: name.to_owned(),
            tables,
            suspected: Vec::new(),
        })
        .collect();
    let used = |history: &ZoneHistory| history.last().map_or(0, Zone::used);
    let all: u128 = histories
        .iter()
        .map(|history| u128::from(used(history)))
        .sum();
    for history in &mut histories {
        history.suspected = suspicions(history, all);
    }
    histories.sort_by_key(|history| {
        let by = match order {
            Order::InUse => None,
            Order::Size => history.last().map(|zone| i128::from(zone.size)),
            Order::Growth => history.growth_in_bytes().map(i128::from),
        };
        (std::cmp::Reverse(by), std::cmp::Reverse(used(history)))
    });
    histories
}

fn suspicions(history: &ZoneHistory, all: u128) -> Vec<String> {
    let mut why = Vec::new();
    let Some(last) = history.last() else {
        return why;
    };
    let tables = history.tables.len();
    let growth = history.growth().zip(history.growth_in_bytes());
    if let Some((elements, bytes)) = growth
        && bytes >= WORTH_A_LOOK
        && history.only_grew()
    {
        let always = if tables > 2 {
            " and never shrank in between"
        } else {
            ""
        };
        why.push(format!(
            "grew by {elements} elements of {} bytes, {bytes} bytes in all{always}",
            last.element
        ));
    }
    let share = match all {
        0 => 0,
        all => u128::from(last.used()) * 100 / all,
    };
    // Of several tables growth is what tells: a large zone that stays as it is does not leak.
    if tables == 1 && share >= 25 && i64::try_from(last.used()).unwrap_or(i64::MAX) >= WORTH_A_LOOK
    {
        why.push(format!(
            "holds {share} % of all zone memory in use: {} elements of {} bytes",
            last.in_use, last.element
        ));
    }
    if last.most.is_some_and(|most| most > 0 && last.size >= most) && !why.is_empty() {
        why.push("is as large as it may be".to_owned());
    }
    if !why.is_empty() {
        // Zones named by a size alone serve everyone who asks for that much.
        let is_shared =
            history.name.starts_with("kalloc.") || history.name.starts_with("default.kalloc");
        let shared = match is_shared {
            true => "every allocation up to its size lands here; ",
            false => "",
        };
        why.push(format!(
            "{shared}to see who allocates, boot with zlog={} and pass the records to `kstack leaks`",
            history.name.replace(' ', ".")
        ));
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, element: u64, in_use: u64) -> Zone {
        Zone {
            name: name.to_owned(),
            element,
            in_use,
            size: element * in_use,
            ..Zone::default()
        }
    }

    #[test]
    fn a_zone_that_only_grew_is_suspected_with_its_numbers() {
        let tables = [1000, 50_000, 90_000]
            .map(|count| vec![zone("kalloc.128", 128, count), zone("zones", 592, 100)]);
        let histories = histories(&tables, Order::Growth);
        assert_eq!(histories[0].name, "kalloc.128");
        assert_eq!(histories[0].growth(), Some(89_000));
        assert_eq!(
            histories[0].suspected[0],
            "grew by 89000 elements of 128 bytes, 11392000 bytes in all and never shrank in between"
        );
        assert!(
            histories[0]
                .suspected
                .last()
                .unwrap()
                .contains("zlog=kalloc.128")
        );
        assert!(histories[1].suspected.is_empty());
    }

    #[test]
    fn one_table_is_sorted_by_what_is_in_use() {
        let histories = histories(
            &[vec![zone("small", 8, 10), zone("large", 4096, 1000)]],
            Order::of(1),
        );
        assert_eq!(histories[0].name, "large");
        assert!(histories[0].suspected[0].contains("% of all zone memory"));
    }

    #[test]
    fn a_large_zone_that_did_not_grow_is_no_suspect() {
        let table = || vec![zone("vnodes", 248, 100_000), zone("small", 8, 10)];
        assert!(!histories(&[table()], Order::InUse)[0].suspected.is_empty());
        let histories = histories(&[table(), table()], Order::Growth);
        assert!(histories.iter().all(|zone| zone.suspected.is_empty()));
    }

    #[test]
    fn a_zone_that_one_table_lacks_has_no_growth() {
        let histories = histories(
            &[vec![zone("a", 8, 1)], vec![zone("b", 8, 1)]],
            Order::of(2),
        );
        assert!(histories.iter().all(|history| history.growth().is_none()));
    }

    #[test]
    fn zones_are_sorted_by_what_is_asked_for() {
        let table = |free_in_a: u64, in_use_of_b: u64| {
            let a = zone("a", 8, 1);
            vec![
                Zone {
                    size: a.size + free_in_a,
                    ..a
                },
                zone("b", 8, in_use_of_b),
                zone("c", 8, 50),
            ]
        };
        let tables = [table(4096, 2), table(4096, 9)];
        let sorted = |order| -> String {
            let histories = histories(&tables, order).into_iter();
            histories.map(|history| history.name).collect()
        };
        assert_eq!(sorted(Order::InUse), "cba");
        assert_eq!(sorted(Order::Size), "acb");
        assert_eq!(sorted(Order::Growth), "bca");
    }

    #[test]
    fn two_zones_of_one_name_and_different_elements_are_both_there() {
        let histories = histories(&[vec![zone("a", 8, 1), zone("a", 16, 1)]], Order::InUse);
        let elements = histories
            .iter()
            .map(|history| history.last().unwrap().element);
        assert_eq!(elements.collect::<Vec<_>>(), [16, 8]);
    }
}
