//! Where in a batch each id of a vocabulary occurs, so that an embedding's gradient is a sum over contiguous
//! segments in a fixed order: deterministic on any number of threads and without atomics.

use crate::batch::{Lookup, bytes};

/// One use of an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Occurrence {
    /// Index of the field in the schema.
    pub field: u32,
    /// Row of the batch.
    pub row: u32,
}

/// The sorted unique ids of one vocabulary in a batch, each with its occurrences ordered by (field, row, position).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Sorted unique ids.
    pub unique: Vec<u32>,
    /// `unique.len() + 1` bounds: id `unique[u]` occurs at `occurrences[starts[u]..starts[u + 1]]`.
    pub starts: Vec<u32>,
    /// All occurrences, grouped by id.
    pub occurrences: Vec<Occurrence>,
    uses: Vec<Use>,
    sorted: Vec<Use>,
    counts: Vec<u32>,
}

/// An id and where it occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    id: u32,
    at: Occurrence,
}

impl Segments {
    /// Makes room for `uses` uses of at most `ids` different ids, so that no later call of [`Segments::rebuild`] with as
    /// many allocates.
    pub fn reserve(&mut self, uses: usize, ids: usize) {
        if ids <= 1 << DIGIT_BITS {
            make_room(&mut self.counts, ids);
        } else {
            make_room(&mut self.counts, 1 << DIGIT_BITS);
            make_room(&mut self.uses, uses);
            make_room(&mut self.sorted, uses);
        }
        make_room(&mut self.occurrences, uses);
        make_room(&mut self.unique, ids.min(uses));
        make_room(&mut self.starts, ids.min(uses) + 1);
    }

    /// Recomputes the segments from the lookups of the vocabulary's fields, given as (index in the schema, lookup).
    /// Buffers are reused.
    pub fn rebuild<'a>(&mut self, fields: impl Iterator<Item = (usize, &'a Lookup)> + Clone) {
        self.clear();
        let largest = fields.clone().flat_map(|(_, lookup)| &lookup.ids).copied().max().unwrap_or(0);
        if largest < 1 << DIGIT_BITS {
            self.count(largest, fields);
        } else {
            self.sort(largest, fields);
        }
    }

    /// Empties them. Buffers are kept.
    pub fn clear(&mut self) {
        self.unique.clear();
        self.starts.clear();
        self.occurrences.clear();
    }

    /// Each id has a counter, so that occurrences are put where they belong at once.
    fn count<'a>(&mut self, largest: u32, fields: impl Iterator<Item = (usize, &'a Lookup)> + Clone) {
        self.counts.clear();
        self.counts.resize(largest as usize + 1, 0);
        for &id in fields.clone().flat_map(|(_, lookup)| &lookup.ids) {
            self.counts[id as usize] += 1;
        }
        let mut start = 0;
        for (id, count) in (0..).zip(&mut self.counts) {
            if *count > 0 {
                self.unique.push(id);
                self.starts.push(start);
            }
            start += std::mem::replace(count, start);
        }
        self.starts.push(start);
        self.occurrences.resize(start as usize, Occurrence::default());
        for (field, lookup) in fields {
            each_use(field as u32, lookup, |used| {
                let next = &mut self.counts[used.id as usize];
                self.occurrences[*next as usize] = used.at;
                *next += 1;
            });
        }
    }

    fn sort<'a>(&mut self, largest: u32, fields: impl Iterator<Item = (usize, &'a Lookup)>) {
        self.uses.clear();
        for (field, lookup) in fields {
            each_use(field as u32, lookup, |used| self.uses.push(used));
        }
        sort_by_id(largest, &mut self.uses, &mut self.sorted);
        for used in &self.uses {
            if self.unique.last() != Some(&used.id) {
                self.unique.push(used.id);
                self.starts.push(self.occurrences.len() as u32);
            }
            self.occurrences.push(used.at);
        }
        self.starts.push(self.occurrences.len() as u32);
    }

    /// Bytes that its buffers take.
    pub(crate) fn bytes(&self) -> usize {
        let sorting = bytes(&self.uses) + bytes(&self.sorted) + bytes(&self.counts);
        bytes(&self.unique) + bytes(&self.starts) + bytes(&self.occurrences) + sorting
    }

    /// The occurrences of the `u`-th unique id.
    pub fn of(&self, u: usize) -> &[Occurrence] {
        &self.occurrences[self.starts[u] as usize..self.starts[u + 1] as usize]
    }
}

/// The uses of one field, by row and position.
fn each_use(field: u32, lookup: &Lookup, mut f: impl FnMut(Use)) {
    match &lookup.starts {
        None => (0..).zip(&lookup.ids).for_each(|(row, &id)| f(Use::new(id, field, row))),
        Some(_) => {
            for row in 0..lookup.rows() {
                lookup.row(row).iter().for_each(|&id| f(Use::new(id, field, row as u32)));
            }
        }
    }
}

/// For `len` elements in all; exactly so many where there is less.
fn make_room<T>(buffer: &mut Vec<T>, len: usize) {
    buffer.reserve_exact(len.saturating_sub(buffer.len()));
}

impl Use {
    fn new(id: u32, field: u32, row: u32) -> Self {
        Self { id, at: Occurrence { field, row } }
    }
}

/// Most bits of an id that one pass sorts by: 2,048 counters stay in the first-level cache.
const DIGIT_BITS: u32 = 11;

/// Stable radix sort, least significant digit first, in as few passes as the largest id needs. A batch is prepared
/// for every step: on 1,024 rows of Census this takes a third of the time that comparisons did.
fn sort_by_id(largest: u32, uses: &mut Vec<Use>, sorted: &mut Vec<Use>) {
    let bits = u32::BITS - largest.leading_zeros();
    let passes = bits.div_ceil(DIGIT_BITS);
    sorted.resize(uses.len(), Use::default());
    for pass in 0..passes {
        let width = bits.div_ceil(passes);
        let digit = |used: &Use| (used.id >> (pass * width)) as usize & ((1 << width) - 1);
        let mut next = [0u32; 1 << DIGIT_BITS];
        for used in &*uses {
            next[digit(used)] += 1;
        }
        let mut start = 0;
        for count in &mut next[..1 << width] {
            start += std::mem::replace(count, start);
        }
        for used in &*uses {
            let place = &mut next[digit(used)];
            sorted[*place as usize] = *used;
            *place += 1;
        }
        std::mem::swap(uses, sorted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_occurrences_keep_field_then_row_order() {
        let one = Lookup::single(vec![5, 2, 5]);
        let bag = Lookup { ids: vec![2, 2, 9], starts: Some(vec![0, 0, 2, 3]) };
        let mut segments = Segments::default();
        segments.rebuild([(0, &one), (3, &bag)].into_iter());
        assert_eq!(segments.unique, [2, 5, 9]);
        let at = |field, row| Occurrence { field, row };
        assert_eq!(segments.of(0), [at(0, 1), at(3, 1), at(3, 1)]);
        assert_eq!(segments.of(1), [at(0, 0), at(0, 2)]);
        assert_eq!(segments.of(2), [at(3, 2)]);
        segments.rebuild(std::iter::empty());
        assert_eq!((segments.unique.len(), segments.starts.as_slice()), (0, &[0][..]));
    }

    #[test]
    fn sorting_is_stable_for_ids_of_any_size() {
        for largest in [0, 1, 5, 2047, 2048, 1 << 22, u32::MAX] {
            let mut uses: Vec<Use> =
                (0..3000u32).map(|i| Use::new(i.wrapping_mul(2_654_435_761) % largest.max(1), 0, i)).collect();
            uses.push(Use::new(largest, 0, 3000));
            let mut expected = uses.clone();
            expected.sort_by_key(|used| used.id);
            let mut found = uses.clone();
            sort_by_id(largest, &mut found, &mut vec![]);
            assert_eq!(found, expected, "{largest}");
        }
    }

    /// Ids of one digit are counted, others sorted: the segments are the same.
    #[test]
    fn counting_is_sorting() {
        for (rows, ids) in [(0, 1), (1, 1), (3000, 2), (3000, 40), (3000, 2048)] {
            let single = Lookup::single((0..rows).map(|i: u32| i.wrapping_mul(2_654_435_761) % ids).collect());
            let starts = Some((0..=rows / 2).map(|row| 2 * row).collect());
            let bags = Lookup { ids: single.ids[..rows as usize / 2 * 2].to_vec(), starts };
            let fields = [(1, &single), (4, &bags)];
            let (mut counted, mut sorted) = (Segments::default(), Segments::default());
            counted.rebuild(fields.into_iter());
            sorted.sort(ids - 1, fields.into_iter());
            assert_eq!(
                (&counted.unique, &counted.starts, &counted.occurrences),
                (&sorted.unique, &sorted.starts, &sorted.occurrences),
                "{rows} {ids}"
            );
        }
    }
}
