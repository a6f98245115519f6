//! Those whose job the helpers had no room for. They wait in a queue, each once, and whoever waits
//! longest is asked first when there is room again; nobody is forgotten, and nobody is asked in
//! vain.
//!
//! The helpers ring when there is room after none was found ([`Net::room_for_jobs`]). While there
//! is room and somebody waits for it, the loop does not wait.
//!
//! Read next: `helpers.rs`.

use crate::config::ASKED_AGAIN_PER_TURN;
use crate::observers::Observer;

use super::EventLoop;
use super::key::Key;
use super::net::Net;
use super::slot::is_tenant;

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// There was no room for a job of this connection.
    #[cold]
    pub(super) fn queue_for_helper(&mut self, key: Key) {
        let Some(slot) = self.tenant(key) else { return };
        if slot.lists.enter_helpers() {
            self.agenda.want_helper(key);
            let slots = &self.slots;
            self.agenda.sweep_wanting(slots.len(), |key| is_tenant(slots, key));
        }
    }

    /// Whether somebody waits for room, and there is some.
    pub(super) fn has_room_for_who_waits(&self) -> bool {
        self.agenda.has_wanting() && self.net.room_for_jobs() > 0
    }

    /// Those who wait for room go on, as many as there is room for.
    pub(super) fn offer_room(&mut self) {
        if !self.agenda.has_wanting() {
            return;
        }
        let mut room = self.net.room_for_jobs().min(ASKED_AGAIN_PER_TURN);
        while room > 0
            && let Some(key) = self.agenda.take_wanting()
        {
            // Who has ended meanwhile needs none, nor who was told that it takes too long.
            let Some(slot) = self.tenant(key) else { continue };
            slot.lists.leave_helpers();
            if slot.connection.may_want_helper() {
                slot.woken();
                self.summon(key);
                room -= 1;
            }
        }
    }
}
