//! Every number the server obeys: its unit, its default, why it is there and what others chose.
//!
//! No loop runs without a budget and no buffer grows without a limit; this is where they are
//! written down. [`Limits`] are what a listener grants its clients, [`Config`] is what the whole
//! loop grants itself.

use std::num::NonZeroU32;
use std::time::Duration;

/// One kibibyte.
pub const KIB: usize = 1024;
/// One mebibyte.
pub const MIB: usize = 1024 * KIB;

/// The one receive buffer, in bytes. It bounds what a connection can keep unread of its own, and so
/// the largest head.
pub const RECEIVE_BUFFER: usize = 64 * KIB;
/// How much of gathered answers is sent in one call, in bytes. Sixteen pipelined answers fit many
/// times over.
pub const SEND_BUFFER: usize = 64 * KIB;
/// The largest body that is copied behind its head, in bytes; a longer one is sent from where it
/// lies. (lwan and lighttpd draw the line at 16 KiB too.)
///
/// The server's time for an answer by a copy and send(2), as a multiple of that by sendmsg(2) from
/// two places, over loopback:
///
/// | KiB | 4 | 8 | 10 | 16 | 24 | 32 | 48 | 64 |
/// |---|---|---|---|---|---|---|---|---|
/// | | 1.03 | 0.92 | 0.96 | 0.94 | 1.00 | 1.00 | 1.04 | 1.03 |
///
/// Above this it buys nothing, and what is copied and not taken is memory of the connection's own.
pub const COPIED_BODY: usize = 16 * KIB;
/// The most that is read of a body nobody asked for so that the connection can go on, in bytes;
/// with more to come it is closed.
pub const SKIPPED_BODY: u64 = 64 * KIB as u64;
/// How many bytes one connection may have read in a turn before the others get theirs.
pub const READ_PER_TURN: usize = 256 * KIB;
/// How many bytes one connection may have written in a turn. (lighttpd 256 KiB, redis 64 KiB, nginx
/// 2 MiB.)
pub const WRITTEN_PER_TURN: usize = MIB;
/// How many requests of one connection are answered in a turn. A request may cost its responder far
/// more than the few bytes it came in; without this a burst of them would keep everybody waiting.
pub const ANSWERS_PER_TURN: usize = 64;
/// The longest stretch of a file handed to the kernel in one call, in bytes. As much as a turn may
/// write, so that nobody writes more than twice that, and as much as the disk may keep everybody
/// waiting for where the last page of a chunk is in memory and others are not. A file of 1 MiB
/// costs five system calls by it, and by chunks of half the size seven. (nginx 2 MiB.)
pub const SENDFILE_CHUNK: usize = WRITTEN_PER_TURN;
/// How much a helper reads of a file that is being sent and is not in memory, before that leaves,
/// in bytes: the less, the sooner the first byte is there; the more, the fewer helpers are asked.
pub const WARMED_AT_ONCE: usize = 128 * KIB;
/// What a helper reads at a time of a chunk that is to be sent and is not in memory, in bytes.
pub const WARMING_BUFFER: usize = 64 * KIB;
/// How many connections are accepted in a turn. (h2o 10; lwan and libuv until the queue is empty.)
pub const ACCEPTS_PER_TURN: usize = 64;
/// How many events one wait can bring.
pub const EVENTS_PER_WAIT: usize = 1024;
/// How long accepting pauses when there is no descriptor left and none is given back meanwhile.
/// (nginx: 500 ms.)
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// How long the same trouble with accepting is not told again.
pub const PAUSE_TOLD_AGAIN: Duration = Duration::from_secs(60);
/// How long a connection must have been idle before it can be closed to make room: one that was
/// just accepted has a request on its way.
pub const IDLE_BEFORE_LEAVING: Duration = Duration::from_secs(1);
/// How long a client must have kept us waiting before it can be closed because all together hold
/// too much ([`Config::held_bytes`]) and others have to wait for that.
pub const STALLED_BEFORE_LEAVING: Duration = Duration::from_secs(1);
/// How much such a client must hold, in bytes: closing who holds less gains nothing.
pub const HELD_BEFORE_LEAVING: usize = KIB;
/// How many of those who wait for memory go on in a turn once there is some.
pub const UNPARKED_PER_TURN: usize = 64;
/// The shortest beat of a source ([`Pulled::After`](crate::Pulled::After)); a shorter one is
/// made as long as this. It is what a wait is counted in, and a source whose beat were none would
/// keep the loop turning.
pub const SHORTEST_BEAT: Duration = Duration::from_millis(1);
/// A turn that has lasted longer than this is long: a connection that has had its second, eighth or
/// thirty-second answer in it gets no more before the others had their turn.
pub const LONG_TURN: Duration = Duration::from_millis(5);
/// A lingering connection is closed after this long without a byte. (nginx and lighttpd: 5 s.)
pub const LINGER_SILENT: Duration = Duration::from_secs(5);
/// The same when the server stops or is crowded: whoever has not closed by then will hardly do so.
pub const LINGER_HURRIED: Duration = Duration::from_secs(1);
/// A lingering connection is closed after this long whatever comes. (nginx: 30 s.)
pub const LINGER_IN_ALL: Duration = Duration::from_secs(30);
/// The longest line that opens a chunk, its extensions included, in bytes; 400 beyond.
pub const CHUNK_LINE: usize = 4 * KIB;
/// All chunk extensions of one body, in bytes; 400 beyond. (hyper: 16 KiB.)
pub const CHUNK_EXTENSIONS: usize = 16 * KIB;
/// The trailer section, in bytes; 431 beyond. (hyper: 16 KiB.)
pub const TRAILER_BYTES: usize = 8 * KIB;
/// The trailer section, in lines; 431 beyond.
pub const TRAILER_LINES: usize = 100;
/// A last answer of so many bytes is in the client's hands as soon as it has left, so that its
/// connection may be closed at once if the client has ended it too: ten segments, what TCP sends
/// before it hears from the other end (RFC 6928). A longer one waits in the kernel for a while, and
/// a byte that met the closed socket meanwhile would destroy it.
pub const CLOSED_AT_ONCE: usize = 14_600;
/// Empty slots that are kept for the next connections before memory is given back.
pub const SLOTS_KEPT: usize = 1024;
/// The most connections served without being asked for more by [`Config::connections`].
pub const CONNECTIONS_UNASKED: usize = 100_000;
/// How many descriptors are left for files, logs and listeners: a quarter of what the process may
/// open, but no more than this.
pub const DESCRIPTOR_RESERVE: usize = 64;
/// How many more are left for each loop beyond the first: its poll, bell and listeners, the folders
/// that it serves, and what its helpers have open.
pub const WORKER_RESERVE: usize = 16;

/// The largest file that is read into memory whole, in bytes: up to here one read costs less than
/// keeping a descriptor open and sending head and content apart. A larger one is sent by the kernel
/// from where it lies.
///
/// The server's time for an answer by send(2) of the head, preadv2(2) and sendfile(2), as a
/// multiple of that by sendmsg(2) from memory, over loopback:
///
/// | KiB | 4 | 8 | 16 | 32 | 64 | 80 | 96 | 100 | 128 | 256 | 1024 |
/// |---|---|---|---|---|---|---|---|---|---|---|---|
/// | | 1.16 | 1.09 | 1.06 | 1.13 | 1.19 | 1.16 | 1.08 | 1.06 | 0.67 | 1.17 | 1.01 |
///
/// So memory wins up to 256 KiB; the figures from 128 on wavered. In the program, a page of twenty
/// files of 3 to 300 KB costs 3 % less than with the line at 64 KiB, and so does one of 100 KiB. Of
/// the rest preadv2, which keeps the loop from waiting for the disk, is one hundredth.
pub const FILE_READ_WHOLE: u64 = 256 * KIB as u64;
/// How long what is known of a file is trusted before the file system is asked again. A changed
/// file is served from then on.
pub const CACHE_TRUSTED: Duration = Duration::from_secs(1);
/// Files that nobody has asked for so long are closed when somebody asks for another: one that was
/// deleted keeps its place on the disk as long as it is open.
pub const FILES_UNUSED: Duration = Duration::from_secs(10);
/// What content may take in memory that is no longer cached and still being sent, in bytes, beside
/// as much again as may be cached. Beyond it small files are sent from where they lie, and listings
/// are refused with 503.
pub const CONTENT_ALIVE: usize = 64 * MIB;
/// What must be left of it for another listing, in bytes: ten thousand entries take some 1 MiB, and
/// with names as long as they can be 12 MiB.
pub const LISTING_ROOM: u64 = 16 * MIB as u64;
/// How long the outcome of a helper's work waits for those who asked for it; they come at once,
/// unless they have gone.
pub const OUTCOME_KEPT: Duration = Duration::from_secs(5);
/// What a piece of memory costs beside what is in it, in bytes: the allocator's own.
pub const ALLOCATION: usize = 16;
/// The folders above a missing path in which its 404 page is looked for; and then in the root.
pub const NEAREST_PAGE_LEVELS: usize = 32;
/// Content is compressed on the fly from this length on, in bytes: less would hardly become
/// shorter than a packet.
pub const COMPRESSED_FROM: u64 = KIB as u64;
/// Content is compressed on the fly up to this length, in bytes; it is held in memory for that.
pub const COMPRESSED_UP_TO: u64 = 8 * MIB as u64;
/// How hard brotli tries, from 0 to 11: about as long as gzip does by default, for less.
pub const BROTLI_QUALITY: u32 = 5;
/// How far brotli looks back, as a power of two of bytes.
pub const BROTLI_WINDOW: u32 = 22;
/// What the content of cached files may take in memory by default, in bytes.
pub const CACHED_BYTES: usize = 32 * MIB;
/// How many files are kept open by default: half of [`DESCRIPTOR_RESERVE`]. Never more than an
/// eighth of what the process may open.
pub const CACHED_FILES: usize = 32;
/// The largest file that can be an error page, in bytes: they are kept in memory, and sent to
/// whoever asks for what is not there.
pub const ERROR_PAGE: u64 = MIB as u64;
/// Jobs that may wait for a helper thread. One more waits with its connection.
pub const JOBS_QUEUED: usize = 1024;
/// Helper threads of a loop, which do what would make it wait for a disk. They start when they are
/// needed.
pub const HELPERS: usize = 2;
/// How long the end of a loop waits for what its helpers have begun, so that a disk that does not
/// answer cannot keep the process.
pub const HELPERS_LAST_JOBS: Duration = Duration::from_secs(1);
/// How many of those who wait for room in the helpers' queue are asked again in a turn once there
/// is some.
pub const ASKED_AGAIN_PER_TURN: usize = 64;
/// Ranges that one request may ask for; one that asks for more gets the whole. Each may cost a part
/// with a head of its own. (Apache 200, lighttpd 10, nginx any number.)
pub const RANGES_ASKED: usize = 64;
/// Up to so many ranges are sent as they were asked for, but for those that overlap or touch. Of
/// more than these, any two are joined that lie so near that a part's head would cost more than
/// what is between them, so that the answer is never much longer than the whole.
pub const RANGES_KEPT_APART: usize = 8;
/// What a part of several costs beside its content, in bytes: a boundary and two fields. (RFC 9110
/// §15.3.7.2 reckons with 80.)
pub const PART_COST: u64 = 100;
/// How long content must have been left alone before it was read so that its time of modification
/// tells it from any other: the resolution of a date (RFC 9110 §8.8.2.2).
pub const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// The most entries of a folder that are read for a page. Without it one request for a folder of
/// millions would hold up everybody.
pub const LISTING_ENTRIES: usize = 10_000;
/// Symbolic links followed on one path; one more is ELOOP, as in Linux (path_resolution(7)).
pub const SYMLINKS: usize = 40;
/// How often the kernel is asked again when it could not tell whether a `..` stayed beneath the
/// root because something was being renamed meanwhile (openat2(2), EAGAIN).
pub const OPEN_ATTEMPTS: usize = 16;
/// Log lines that wait for the writer, in bytes. The writer may have as many in hand; with
/// [`LOG_GATHERED`] they bound the log's memory to 2 MiB.
pub const LOG_WAITING: usize = 768 * KIB;
/// Log lines are handed over in the middle of a turn when there are this many bytes of them: a
/// write of that size costs little more than its copying.
pub const LOG_HANDED_OVER: usize = 32 * KIB;
/// The longest that the writer of an access log rests between rounds, so that under load one wake
/// of it and one write are for the lines of many turns. Nobody who watches a log sees the delay.
pub const LOG_REST: Duration = Duration::from_millis(10);
/// Where so much waits meanwhile, in bytes, the writer's rest is over: far below what would be
/// dropped.
pub const LOG_HURRIED: usize = 128 * KIB;
/// Of a log that drops lines one hears once in so long.
pub const LOG_TOLD_AGAIN: Duration = Duration::from_secs(60);
/// The longest `Referer` or `User-Agent` that a log has, in bytes; browsers' have a few hundred.
pub const LOG_FIELD: usize = KIB;
/// A meter follows one request in so many step by step, with exact times: that costs ten looks at
/// the clock, 28 ns each, where a request takes 4,000.
pub const SAMPLED: u32 = 16;
/// The most of those that are followed at one time; one that takes longer than so many after it is
/// given up.
pub const SAMPLES: usize = 64;
/// A connection that was not followed for so long is, so that whoever looks at it sees what it did
/// last...
pub const FOLLOWED_AGAIN: Duration = Duration::from_millis(10);
/// ...but of all of them no more than so many...
pub const FOLLOWED_MOST: u32 = 128;
/// ...in so long, so that a crowd costs no more than a few.
pub const FOLLOWED_WINDOW: Duration = Duration::from_millis(100);
/// The steps of a connection that are kept for who looks at it.
pub const STEPS_KEPT: usize = 64;
/// Only the first so many slots keep them: 1.6 KiB each, once they are used, 25 MiB in all.
pub const SLOTS_WITH_STEPS: usize = 16 * 1024;
/// The slots that a meter shows one by one, at a byte each; of those beyond only the counts are
/// known.
pub const CELLS: usize = 100_000;
/// The cells of the page that shows the slots; of more slots several share a cell.
pub const CELLS_SHOWN: usize = 1024;
/// Bars of the histogram on that page: five for each power of ten, from the first, which is up to a
/// microsecond, to the last, which is up to a minute and whatever takes longer.
pub const LATENCY_BARS: usize = 40;
/// See [`LATENCY_BARS`].
pub const LATENCY_BARS_A_DECADE: f64 = 5.0;
/// See [`LATENCY_BARS`]; in seconds.
pub const LATENCY_LEAST: f64 = 1e-6;
/// How often that page is told anew: often enough to look alive, and one wake of the loop.
pub const BEAT: Duration = Duration::from_millis(500);
/// Connections at one time to responders that tell how the server is, beside those of
/// [`Config::connections`]: a full house is looked into when it is full.
pub const ATTENDED_MOST: usize = 32;
/// The pages that live on beats at one time, each 0.2 ms of the loop's time a beat. Who comes later
/// is refused, so that those who look on neither keep the loop busy nor take every connection.
pub const PAGES_MOST: usize = 16;
/// The longest request line that a log has, in bytes: the target limit's default.
pub const LOG_LINE: usize = 8 * KIB;
/// Notes of a request that are kept for the next, where there is a log: as many requests are
/// hardly ever under way in one turn without waiting for anything.
pub const NOTES_KEPT: usize = 64;
/// The most that each of them keeps for the words of requests, in bytes: sixteen usual lines.
pub const NOTES_ROOM: usize = 2 * KIB;
/// The most that a log gathers while no more may wait, in bytes. At 10,000 requests a second it
/// carries over half a second in which the disk does not answer.
pub const LOG_GATHERED: usize = 512 * KIB;
/// How long the end of a log waits for its writer, so that a pipe that nobody reads cannot keep the
/// process.
pub const LOG_LAST_WRITES: Duration = Duration::from_secs(1);
/// The most that is read of a file in which the kernel tells of itself, in bytes; of its network it
/// tells some 4 KiB.
pub const KERNEL_TEXT: usize = 64 * KIB;
/// Fewer requests than this are too few to tell what the limit of a run was: the first ones of each
/// connection and of each file cost more than all others.
pub const JUDGED_REQUESTS: u64 = 100;
/// A run with clients shorter than this is too short to tell what its limit was: the scheduler's
/// slices, of some milliseconds, decide over it.
pub const JUDGED_TIME: Duration = Duration::from_millis(100);
/// A loop that waited no larger a share of its time was the limit. The call that waits takes 1 to 2
/// µs also where it has not to wait, and a request 5: with one for each wake that alone is above
/// this, and with several connections that always have something to ask it is 1 to 7 %.
pub const BUSY_BELOW: f64 = 0.10;
/// A loop that waited this share of its time could have answered that many more. Between the two,
/// it was not clearly the loop and not clearly the client: over loopback, with both at work all the
/// time, 14 to 24 %.
pub const WAITED_ABOVE: f64 = 0.25;
/// Where that many requests on average were with their responders while the loop waited, it was
/// they who kept it waiting and not the clients. Of responders that answer at once it is none.
pub const WITH_RESPONDERS: f64 = 0.5;
/// A loop that had a CPU for no larger a share of its work shared it with others.
pub const CPU_SHARED_BELOW: f64 = 0.85;
/// A loop that had something to do and no CPU for this share of the time with clients shared it.
/// With a CPU of its own it is 2 to 7 %, on one with its client 33 to 37 %.
pub const CPU_LACKED_ABOVE: f64 = 0.20;
/// A loop that waited this share of the rest, when it did not lack a CPU, waited for its clients
/// all the same. On one CPU with a client that asks all it can it is 32 to 42 %; where a client
/// asks one at a time, and others have the CPU, 80 %.
pub const WAITED_BESIDES: f64 = 0.60;

/// What a trace may take on the disk by default, in bytes: some 2.4 million steps, or 200,000
/// requests. As much as a viewer still opens with ease.
pub const TRACE_BYTES: u64 = 256 * MIB as u64;
/// Steps of one loop that wait for the thread that writes the trace, at 32 bytes each: 2 MiB. It
/// may have as many in hand.
pub const TRACE_WAITING: usize = 64 * KIB;
/// Steps are handed over in the middle of a turn when there are this many of them.
pub const TRACE_HANDED_OVER: usize = 4 * KIB;
/// Of a trace this much is written at a time, in bytes.
pub const TRACE_WRITTEN: usize = 256 * KIB;
/// The longest line of a trace, in bytes, and room for what ends it: twice what any has.
pub const TRACE_LINE: u64 = KIB as u64;
/// The longest that the writer of a trace rests between rounds; so long may pass until a step is in
/// the file.
pub const TRACE_REST: Duration = Duration::from_millis(10);
/// How long the end of a trace waits for its writer, which may have some 20 MiB left to write.
pub const TRACE_LAST_WRITES: Duration = Duration::from_secs(5);

/// What a listener grants each of its clients. A client that passes a limit gets the status named
/// there, if one is named, and the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The request line and the header section together, in bytes; 431 beyond. 16 KiB, at most 64
    /// KiB. (Apache 8 KiB a line, nginx 4 × 8 KiB, h11 16 KiB.)
    pub head_bytes: usize,
    /// Header field lines; 431 beyond. 100. (hyper 100, Apache 100.)
    pub header_lines: usize,
    /// The request target, in bytes; 414 beyond. 8 KiB. (RFC 9110 §4.1 asks for 8,000 octets at
    /// least.)
    pub target_bytes: usize,
    /// A body that a responder asks for, in bytes; 413 beyond. 1 MiB. (nginx 1 MiB.)
    pub body_bytes: u64,
    /// From a request's first byte to the end of its head; 408 beyond. 10 s, and a trickle does not
    /// extend it. (nginx 60 s.)
    pub head_timeout: Duration,
    /// From the end of a head to the end of its body; 408 beyond. 60 s.
    pub body_timeout: Duration,
    /// From asking a responder until it answers, where it said *later*; 503 beyond. 30 s.
    pub answer_timeout: Duration,
    /// Between requests; then the connection is closed without a word. 60 s. (nginx 75 s, lighttpd
    /// 5 s.)
    pub idle_timeout: Duration,
    /// How long a client may take not one byte of what is waiting for it. 30 s. (nginx 60 s.)
    pub write_timeout: Duration,
    /// Requests on one connection; the last answer says `Connection: close`. None by default.
    /// (nginx 1,000.)
    pub requests: Option<NonZeroU32>,
}

impl Limits {
    /// The same, with what cannot be granted brought down to what can: a head must fit the inbox.
    pub(crate) fn bounded(self) -> Self {
        Self { head_bytes: self.head_bytes.min(RECEIVE_BUFFER), ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 16 * KIB,
            header_lines: 100,
            target_bytes: 8 * KIB,
            body_bytes: MIB as u64,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            requests: None,
        }
    }
}

/// What the loop as a whole grants itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Connections at one time. `None`: what the process may open less a reserve, and 100,000 at
    /// most. When all are taken, the one that has been idle longest is closed to make room; above
    /// nine tenths every answer says `Connection: close`.
    pub connections: Option<usize>,
    /// What all connections together may keep unread and unsent, in bytes. 256 MiB. Beyond it no
    /// new head is read until some of it has left; and of those who have kept the server waiting
    /// the ones who hold most are closed, until half of it is free.
    pub held_bytes: usize,
    /// How long an orderly stop waits for what is still being answered. 10 s.
    pub grace: Duration,
}

impl Config {
    /// What one of so many loops is granted, so that all of them together have what is granted
    /// here, but for a connection that each may have at the least.
    pub(crate) fn share(&self, of: usize, among: usize) -> Self {
        let share = |all: usize| (all / among + usize::from(of < all % among)).max(1);
        let connections = self.connections.map(share);
        Self { connections, held_bytes: self.held_bytes / among, grace: self.grace }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { connections: None, held_bytes: 256 * MIB, grace: Duration::from_secs(10) }
    }
}

/// How many connections may wait in a listener's accept queue by default; the kernel caps it at
/// `net.core.somaxconn`. (mio and std: 128, which a burst of a thousand clients overflows.)
pub const BACKLOG: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_whole() {
        for (connections, loops, expected) in
            [(5, 1, &[5][..]), (5, 2, &[3, 2]), (8, 4, &[2, 2, 2, 2]), (2, 3, &[1, 1, 1])]
        {
            let all = Config { connections: Some(connections), ..Config::default() };
            let shares: Vec<_> = (0..loops).map(|of| all.share(of, loops)).collect();
            let granted: Vec<_> = shares.iter().filter_map(|share| share.connections).collect();
            assert_eq!(granted, expected, "{connections} among {loops}");
            let held: usize = shares.iter().map(|share| share.held_bytes).sum();
            assert!((all.held_bytes - loops..=all.held_bytes).contains(&held));
            assert!(shares.iter().all(|share| share.grace == all.grace));
        }
    }
}
