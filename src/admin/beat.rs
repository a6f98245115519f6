//! What the page lives on: the figures and the slots twice a second, as Server-Sent Events (HTML
//! Living Standard §9.2).
//!
//! It is a source like any other, pulled by the loop it tells of: a beat costs one wake, one write
//! and what it takes to lay the figures out. A page that does not keep up misses beats and never
//! makes the server keep any.

use std::fmt::Write as _;
use std::rc::Rc;

use crate::config::{BEAT, PAGES_MOST};
use crate::message::{Piece, Pulled, Source};

use super::{Seen, status};

/// The figures, for as long as somebody looks.
pub(super) struct Beat {
    seen: Rc<Seen>,
    /// Its place among those who look on.
    _page: Rc<()>,
}

impl Beat {
    /// None where [`PAGES_MOST`] look on already.
    pub(super) fn of(seen: &Rc<Seen>) -> Option<Self> {
        let page = Rc::clone(&seen.pages);
        // One is the listener's own, and one this.
        (Rc::strong_count(&page) - 2 < PAGES_MOST)
            .then(|| Self { seen: Rc::clone(seen), _page: page })
    }
}

impl Source for Beat {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        let status = status::with_cells(&self.seen);
        // Writing into a piece never fails.
        let _ = write!(into, "data: {status}\n\n");
        // Of a stop, too, it is told to the end; that does not wait for those who look on.
        Pulled::After(BEAT)
    }
}
