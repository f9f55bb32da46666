//! Who waits for a place at a backend: two rows, first come first served, bounded in number and bytes.
//!
//! The front row goes first, but every so often one of the other row does, so that nobody starves.

use std::collections::VecDeque;

/// Which row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Goes first.
    High,
    /// Everybody.
    #[default]
    Normal,
}

/// What a place in a row is known by.
pub(crate) type Ticket = u64;

/// Every so manieth who goes is of the normal row, if somebody stands there.
const RELIEF_EVERY: u32 = 4;

/// The two rows. `T` is what somebody waits with.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    high: VecDeque<Waiting<T>>,
    normal: VecDeque<Waiting<T>>,
    bytes: u64,
    went: u32,
    next: Ticket,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: Ticket,
    bytes: u64,
    with: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue { high: VecDeque::new(), normal: VecDeque::new(), bytes: 0, went: 0, next: 0 }
    }
}

impl<T> Queue<T> {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.high.len() + self.normal.len()
    }

    /// Bytes of bodies that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a place at the end of a row; `None` when there is none.
    pub(crate) fn join(
        &mut self,
        priority: Priority,
        bytes: u64,
        with: T,
        most: (usize, u64),
    ) -> Option<Ticket> {
        if self.len() >= most.0 || self.bytes.saturating_add(bytes) > most.1 {
            return None;
        }
        self.next += 1;
        self.bytes += bytes;
        let waiting = Waiting { ticket: self.next, bytes, with };
        match priority {
            Priority::High => self.high.push_back(waiting),
            Priority::Normal => self.normal.push_back(waiting),
        }
        Some(self.next)
    }

    /// Gives a place up; true when somebody stood there.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> bool {
        for row in [&mut self.high, &mut self.normal] {
            if let Some(at) = row.iter().position(|waiting| waiting.ticket == ticket) {
                let left = row.remove(at);
                self.bytes -= left.map_or(0, |left| left.bytes);
                return true;
            }
        }
        false
    }

    /// Lets the first one go who can: `go` is asked about the heads of the rows, in the order in which they are due.
    pub(crate) fn advance<G>(&mut self, mut go: impl FnMut(&T) -> Option<G>) -> Option<(Ticket, G)> {
        let is_relief = self.went % RELIEF_EVERY == RELIEF_EVERY - 1;
        let rows = match is_relief {
            true => [&mut self.normal, &mut self.high],
            false => [&mut self.high, &mut self.normal],
        };
        for row in rows {
            if let Some(found) = row.front().and_then(|first| go(&first.with)) {
                let first = row.pop_front()?;
                self.bytes -= first.bytes;
                self.went = self.went.wrapping_add(1);
                return Some((first.ticket, found));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: (usize, u64) = (100, 1000);

    fn order(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.advance(|with| Some(*with)).map(|(_, with)| with)).collect()
    }

    #[test]
    fn the_front_row_goes_first_and_every_fourth_is_of_the_other() {
        let mut queue = Queue::default();
        for with in ["n1", "n2"] {
            queue.join(Priority::Normal, 0, with, MOST);
        }
        for with in ["h1", "h2", "h3", "h4", "h5"] {
            queue.join(Priority::High, 0, with, MOST);
        }
        assert_eq!(order(&mut queue), ["h1", "h2", "h3", "n1", "h4", "h5", "n2"]);
    }

    #[test]
    fn it_is_bounded_in_number_and_bytes() {
        let mut queue = Queue::default();
        assert!(queue.join(Priority::Normal, 600, "a", (2, 1000)).is_some());
        assert_eq!(queue.join(Priority::Normal, 600, "b", (2, 1000)), None);
        assert!(queue.join(Priority::High, 0, "c", (2, 1000)).is_some());
        assert_eq!(queue.join(Priority::High, 0, "d", (2, 1000)), None);
        assert_eq!((queue.len(), queue.bytes()), (2, 600));
        assert_eq!(order(&mut queue), ["c", "a"]);
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }

    #[test]
    fn who_leaves_frees_what_was_taken() {
        let mut queue = Queue::default();
        let a = queue.join(Priority::Normal, 600, "a", (9, 1000)).expect("a place");
        queue.join(Priority::Normal, 300, "b", (9, 1000));
        assert!(queue.leave(a) && !queue.leave(a));
        assert_eq!((queue.bytes(), order(&mut queue)), (300, vec!["b"]));
    }

    #[test]
    fn who_cannot_go_does_not_stop_the_other_row() {
        let mut queue = Queue::default();
        queue.join(Priority::High, 0, "stuck", MOST);
        queue.join(Priority::Normal, 0, "free", MOST);
        let went = queue.advance(|with| (*with == "free").then_some(()));
        assert!(went.is_some());
        assert_eq!(order(&mut queue), ["stuck"]);
    }
}
