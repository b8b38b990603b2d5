//! Strongly connected parts of a graph, after Tarjan, without recursion: a graph from a file may be deep.

/// The parts with more than one node, each in an order that depends on the graph alone.
///
/// Node `n` leads to `targets[starts[n]..starts[n + 1]]`. Linear in nodes and edges.
pub(crate) fn components(starts: &[usize], targets: &[usize]) -> Vec<Vec<usize>> {
    let nodes = starts.len().saturating_sub(1);
    let mut search = Search {
        starts,
        targets,
        number: vec![0; nodes],
        lowest: vec![0; nodes],
        is_open: vec![false; nodes],
        open: Vec::new(),
        counted: 0,
        found: Vec::new(),
    };
    for node in 0..nodes {
        if search.number.get(node) == Some(&0) {
            search.visit(node);
        }
    }
    search.found
}

struct Search<'a> {
    starts: &'a [usize],
    targets: &'a [usize],
    /// In which order a node was met, from 1; 0 is not yet.
    number: Vec<usize>,
    /// The lowest number that a node's subtree leads back to.
    lowest: Vec<usize>,
    is_open: Vec<bool>,
    open: Vec<usize>,
    counted: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn visit(&mut self, root: usize) {
        self.enter(root);
        // Nodes on the way from the root, with the next edge to follow.
        let mut way = vec![(root, self.start(root))];
        while let Some((node, edge)) = way.last_mut() {
            let node = *node;
            if *edge < self.start(node + 1) {
                let target = self.targets.get(*edge).copied().unwrap_or(node);
                *edge += 1;
                if self.number.get(target) == Some(&0) {
                    self.enter(target);
                    way.push((target, self.start(target)));
                } else if self.is_open.get(target) == Some(&true) {
                    let number = at(&self.number, target);
                    self.lower(node, number);
                }
            } else {
                way.pop();
                if let Some((parent, _)) = way.last() {
                    let lowest = at(&self.lowest, node);
                    self.lower(*parent, lowest);
                }
                if at(&self.lowest, node) == at(&self.number, node) {
                    self.close(node);
                }
            }
        }
    }

    fn start(&self, node: usize) -> usize {
        at(self.starts, node)
    }

    fn enter(&mut self, node: usize) {
        self.counted += 1;
        set(&mut self.number, node, self.counted);
        set(&mut self.lowest, node, self.counted);
        set(&mut self.is_open, node, true);
        self.open.push(node);
    }

    fn lower(&mut self, node: usize, to: usize) {
        let lowest = at(&self.lowest, node).min(to);
        set(&mut self.lowest, node, lowest);
    }

    fn close(&mut self, root: usize) {
        let mut component = Vec::new();
        while let Some(node) = self.open.pop() {
            set(&mut self.is_open, node, false);
            component.push(node);
            if node == root {
                break;
            }
        }
        if component.len() > 1 {
            component.sort_unstable();
            self.found.push(component);
        }
    }
}

fn at(values: &[usize], index: usize) -> usize {
    values.get(index).copied().unwrap_or_default()
}

fn set<T>(values: &mut [T], index: usize, value: T) {
    if let Some(slot) = values.get_mut(index) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_rings_joined_by_one_edge_are_two_parts() {
        // 0 → 1 → 0 → 2 → 3 → 2
        let found = components(&[0, 2, 3, 4, 5], &[1, 2, 0, 3, 2]);
        assert_eq!(found, [vec![2, 3], vec![0, 1]]);
    }

    proptest! {
        #[test]
        fn nodes_are_together_exactly_when_each_reaches_the_other(
            edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..40)
        ) {
            let mut starts = vec![0];
            let mut targets = Vec::new();
            for node in 0..12 {
                targets.extend(edges.iter().filter(|edge| edge.0 == node).map(|edge| edge.1));
                starts.push(targets.len());
            }
            let mut reaches = [[false; 12]; 12];
            for (from, to) in &edges {
                reaches[*from][*to] = true;
            }
            for over in 0..12 {
                for from in 0..12 {
                    for to in 0..12 {
                        reaches[from][to] |= reaches[from][over] && reaches[over][to];
                    }
                }
            }
            let found = components(&starts, &targets);
            for (one, from_one) in reaches.iter().enumerate() {
                for (other, from_other) in reaches.iter().enumerate().take(one) {
                    let together = found.iter().any(|part| part.contains(&one) && part.contains(&other));
                    prop_assert_eq!(together, from_one[other] && from_other[one]);
                }
            }
        }
    }
}
