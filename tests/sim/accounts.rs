//! The accounts of a run, as they are settled in the end: what the first oracle and the seventh
//! have to say when all is over.

use std::rc::Rc;
use std::sync::Arc;

use oneloop::connection::CloseReason;

use super::clients::Client;
use super::life::Life;
use super::nature::{Nature, Shared};
use super::oracles::Stock;
use super::run::Driven;
use super::shelf::is_form_of;
use super::socket::End;
use super::wishes::Wish;

/// Whether the server has kept nothing: no slot, no socket, no source. The loop is there still.
pub(crate) fn nothing_is_left(nature: &Shared, event_loop: &dyn Driven) -> Result<(), String> {
    let Stock { slots, held, .. } = event_loop.stock();
    if (slots, held) != (0, 0) {
        return Err(format!("(7) {slots} connections and {held} bytes are left after the end"));
    }
    let now = nature.borrow();
    if now.oracles.open > 0 {
        return Err(format!("(7) {} sockets were never closed", now.oracles.open));
    }
    // The run's own, and those of the world, of the responder and of the observer.
    let (names, all) = (Rc::strong_count(nature), 4);
    if names != all {
        return Err(format!("(7) {} sockets or sources were never dropped", names - all));
    }
    Ok(())
}

/// Whether no file is held open; by nobody, once the helpers have done what they had begun.
pub(crate) fn no_file_is_left(nature: &Nature) -> Result<(), String> {
    let files = Arc::strong_count(&nature.noise) - 1;
    if files > 0 {
        return Err(format!("(7) a file is held open {files} times"));
    }
    Ok(())
}

/// Whether everybody got what was due to them.
pub(crate) fn settle(nature: &Nature) -> Result<(), String> {
    for (id, (client, life)) in nature.clients.iter().zip(&nature.oracles.lives).enumerate() {
        let Some(client) = client else { continue };
        if !life.is_accepted && (client.is_disturbed || nature.oracles.is_stopping()) {
            continue;
        }
        let settled = settle_one(client, life, nature);
        settled.and_then(|()| dates(client, nature)).map_err(|what| {
            let (manner, fate) = (client.manner, life.fate);
            format!("(1) client {id} ({manner}), which was closed for {fate:?}, {what}")
        })?;
    }
    Ok(())
}

/// Whether each answer has a date that the server was given, and no earlier one than the answer
/// before.
fn dates(client: &Client, nature: &Nature) -> Result<(), String> {
    let mut given = nature.dates.iter().peekable();
    for date in &client.reader.dates {
        while given.next_if(|(_, given)| given != date.as_bytes()).is_some() {}
        if given.peek().is_none() {
            return Err(format!("was told '{date}', which it was not then"));
        }
    }
    Ok(())
}

fn settle_one(client: &Client, life: &Life, nature: &Nature) -> Result<(), String> {
    let shortage = nature.shortage;
    use CloseReason::{
        AnswerTimeout, Answered, ClientDone, CutOff, DiskTimeout, EndedAtOnce, Fault, FileShrank,
        IdleTimeout, MadeRoom, Panicked, SourceTimeout, Stalled, Stopped, WriteTimeout,
    };
    let is_orderly = matches!(
        life.fate,
        Some(
            ClientDone
                | Answered
                | IdleTimeout
                | MadeRoom
                | Stopped
                | Fault(_)
                | AnswerTimeout
                | Panicked
        )
    );
    if is_orderly && client.met == Some(End::Eof) && !client.reader.is_between_answers() {
        return Err("was left in the middle of an answer".into());
    }
    if !client.is_honest || client.is_disturbed || client.reader.was_timed_out {
        return Ok(());
    }
    if client.reader.is_content() {
        let is_late = life.fate == Some(WriteTimeout) && shortage.of_time;
        if !is_orderly && !shortage.of_room && !is_late {
            return Err("did nothing for that".into());
        }
        if life.answered != client.wants {
            return Err(format!("was answered, it is said, {:?}", life.answered));
        }
        return Ok(());
    }
    // Some reasons are as good as an answer, where the server has them.
    let is_excused = match life.fate {
        Some(MadeRoom) => true,
        Some(IdleTimeout) => shortage.of_memory || shortage.of_time,
        Some(Stalled) => shortage.of_memory,
        // The file was cut while it was sent. What went before it may be lost with it: where
        // requests were left unread, the close is a reset.
        Some(FileShrank) => nature.shelf.as_ref().is_some_and(|shelf| {
            let titles = || client.reader.wishes().filter_map(Wish::title);
            shelf.cut.iter().any(|cut| titles().any(|title| is_form_of(*cut, title)))
        }),
        Some(WriteTimeout | SourceTimeout | DiskTimeout) => shortage.of_time,
        Some(Stopped | CutOff | EndedAtOnce) => shortage.of_room,
        // Whoever lingers is not waited for any more, and if it sends still, it is reset.
        _ if client.met == Some(End::Reset) => {
            shortage.of_room || shortage.of_descriptors || shortage.of_time
        }
        _ => shortage.of_room && client.reader.has_closed,
    };
    if is_excused {
        return Ok(());
    }
    let (whole, all) = (client.reader.whole, client.wants.len());
    Err(format!("got {whole} of {all} answers"))
}
