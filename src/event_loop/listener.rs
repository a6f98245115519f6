//! Where clients knock: an [`Address`], and a [`Listener`] bound to it with our own backlog and
//! options.
//!
//! The socket is made here and not by mio or std, because both listen with a backlog of 128, which
//! a burst of a thousand clients overflows. It is non-blocking from the start. A Unix socket leaves
//! a file behind when its process dies: one that nobody answers on is replaced, and our own is
//! removed with the listener.
//!
//! Where several loops listen on one address, Linux has a socket for each of them (`SO_REUSEPORT`),
//! and deals connections out by a hash of both ends. Elsewhere that option gives all of them to one
//! socket (only FreeBSD has another that does not), and a Unix socket has no such thing: there the
//! loops share one socket, and a connection is whose loop comes first.
//!
//! Relies on: the kernel's word on who has an address. Nothing here accepts, waits, or knows of a
//! loop.
//! Read next: `accept.rs`, which takes what has knocked.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustix::net::sockopt::set_socket_reuseport;
use socket2::{Domain, SockAddr, Type};

use super::bind_error::BindError;

/// What a Unix socket's address begins with when it is written.
pub(super) const UNIX: &str = "unix:";

/// Where a server listens: an IP address with a port, or the path of a Unix socket.
///
/// ```
/// use oneloop::Address;
///
/// let address: Address = "[::1]:8080".parse()?;
/// assert_eq!(address.to_string(), "[::1]:8080");
/// assert!("unix:/run/site.sock".parse::<Address>().is_ok());
/// assert!("localhost:80".parse::<Address>().is_err(), "a name is looked up elsewhere");
/// # Ok::<(), oneloop::BindError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP. Port 0 lets the kernel choose one; `[::]` takes IPv4 clients too.
    Tcp(SocketAddr),
    /// A Unix stream socket at this path.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = BindError;

    fn from_str(text: &str) -> Result<Self, BindError> {
        match text.strip_prefix(UNIX) {
            Some(path) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(_) => Err(BindError::Malformed(text.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| BindError::Malformed(text.into())),
        }
    }
}

impl TryFrom<&str> for Address {
    type Error = BindError;

    fn try_from(text: &str) -> Result<Self, BindError> {
        text.parse()
    }
}

impl TryFrom<String> for Address {
    type Error = BindError;

    fn try_from(text: String) -> Result<Self, BindError> {
        text.parse()
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from(pair: (I, u16)) -> Self {
        Self::Tcp(pair.into())
    }
}

/// A listening, non-blocking socket. Dropping it closes the socket, and removes the file of a Unix
/// socket that [`bind`](Self::bind) made.
#[derive(Debug)]
pub struct Listener {
    address: Address,
    // Before the socket, so that it goes first: a client that comes at that moment is told that
    // there is no such file, and whoever binds the same path next has a file of his own, which we
    // do not touch.
    file: Option<SocketFile>,
    socket: Socket,
}

/// The socket of a [`Listener`], for `mio.rs` to take over.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Socket {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(socket) => socket.try_clone().map(Self::Tcp),
            Self::Unix(socket) => socket.try_clone().map(Self::Unix),
        }
    }
}

/// Whose a TCP port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// This socket's alone: whoever else has it, or asks for it, is refused.
    Own,
    /// One of several sockets' that all say so.
    Shared,
}

impl Listener {
    /// Listens on `address`. At most `backlog` clients wait in the accept queue
    /// ([`BACKLOG`](crate::config::BACKLOG) is a good number; Linux caps it at
    /// `net.core.somaxconn`).
    ///
    /// The file of a Unix socket on which nobody listens any more is replaced.
    ///
    /// # Errors
    /// [`BindError`] says in one line what is in the way and what to do about it.
    pub fn bind(address: &Address, backlog: u32) -> Result<Self, BindError> {
        match address {
            Address::Tcp(wanted) => {
                bind_tcp(*wanted, backlog, Port::Own).map_err(|error| BindError::of(address, error))
            }
            Address::Unix(path) => bind_unix(path, backlog),
        }
    }

    /// As [`bind`](Self::bind), once for each of so many loops; the backlog is divided among them.
    /// With port 0 all have the port that was found for the first.
    ///
    /// On Linux, TCP connections are dealt out by a hash of both ends' addresses and ports, however
    /// busy the loops are; the kernel lets nobody join them but processes of the same user that ask
    /// for it by `SO_REUSEPORT` (socket(7)), and no oneloop does. Everywhere else the loops share
    /// one socket: each wakes for a connection, and the first takes it.
    ///
    /// # Errors
    /// As [`bind`](Self::bind): where somebody listens already, be it another of these, the address
    /// is in use.
    pub fn bind_each(
        address: &Address,
        backlog: u32,
        loops: NonZeroUsize,
    ) -> Result<Vec<Self>, BindError> {
        let failed = |error| BindError::of(address, error);
        let has_sockets_of_their_own = cfg!(any(target_os = "linux", target_os = "android"));
        let share = u32::try_from(loops.get()).map_or(1, |loops| (backlog / loops).max(1));
        match address {
            Address::Tcp(wanted) if has_sockets_of_their_own && loops.get() > 1 => {
                bind_each_tcp(*wanted, share, loops).map_err(failed)
            }
            _ => Self::bind(address, backlog)?.shared_by(loops).map_err(failed),
        }
    }

    /// The same socket for each of so many loops: each wakes for a connection, and the first takes
    /// it. For a socket that was bound elsewhere; [`bind_each`](Self::bind_each) knows better where
    /// it can.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    pub fn shared_by(self, loops: NonZeroUsize) -> io::Result<Vec<Self>> {
        let mut all = Vec::with_capacity(loops.get());
        for _ in 1..loops.get() {
            let (address, file) = (self.address.clone(), self.file.clone());
            all.push(Self { address, file, socket: self.socket.try_clone()? });
        }
        all.push(self);
        Ok(all)
    }

    /// Where it listens: the real port where port 0 was asked for. A Unix socket without a path,
    /// which only somebody else can have bound, has an empty one.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Where it listens, the socket itself, and what removes its file: keep that as long as the
    /// socket listens, and drop it first.
    pub(super) fn into_parts(self) -> (Address, Socket, Option<SocketFile>) {
        (self.address, self.socket, self.file)
    }
}

/// A listener bound elsewhere, by a service manager or a test: it keeps its backlog, but is made
/// non-blocking, and its connections send without delay (Nagle's algorithm would hold up to 40 ms
/// what follows a short answer).
impl TryFrom<TcpListener> for Listener {
    type Error = io::Error;

    fn try_from(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
        let address = Address::Tcp(listener.local_addr()?);
        Ok(Self { address, file: None, socket: Socket::Tcp(listener) })
    }
}

/// A listener bound elsewhere. Its file belongs to whoever made it and is not removed.
impl TryFrom<UnixListener> for Listener {
    type Error = io::Error;

    fn try_from(listener: UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().map(Path::to_path_buf);
        let address = Address::Unix(path.unwrap_or_default());
        Ok(Self { address, file: None, socket: Socket::Unix(listener) })
    }
}

/// The first listens for itself before it shares its port, and so finds out who is there: a socket
/// that shares from the beginning would join whatever other sockets of this user do, a second
/// oneloop's above all, which would take half of the connections in silence. The two cannot slip
/// past each other either, as each begins by asking for the port alone. (Linux looks at the option
/// of a listening socket when another asks for its port, so that it may be set this late.)
fn bind_each_tcp(
    wanted: SocketAddr,
    backlog: u32,
    loops: NonZeroUsize,
) -> io::Result<Vec<Listener>> {
    let first = bind_tcp(wanted, backlog, Port::Own)?;
    let Listener { address: Address::Tcp(found), socket: Socket::Tcp(socket), .. } = &first else {
        return Ok(vec![first]);
    };
    let found = *found;
    set_socket_reuseport(socket, true)?;
    let others = (1..loops.get()).map(|_| bind_tcp(found, backlog, Port::Shared));
    let others: Vec<_> = others.collect::<io::Result<_>>()?;
    Ok(std::iter::once(first).chain(others).collect())
}

fn bind_tcp(wanted: SocketAddr, backlog: u32, port: Port) -> io::Result<Listener> {
    let socket = socket2::Socket::new(Domain::for_address(wanted), Type::STREAM, None)?;
    // Else a restart has to wait until the last server's connections have left TIME_WAIT.
    socket.set_reuse_address(true)?;
    if port == Port::Shared {
        set_socket_reuseport(&socket, true)?;
    }
    // Linux gives it to every accepted socket, which saves a system call for each: without it, an
    // answer that follows another on a kept connection waits up to 40 ms for the client's delayed
    // ACK.
    socket.set_tcp_nodelay(true)?;
    if wanted.is_ipv6() {
        // `[::]` takes IPv4 too, whatever net.ipv6.bindv6only says.
        socket.set_only_v6(false)?;
    }
    socket.bind(&wanted.into())?;
    socket.listen(capped(backlog))?;
    TcpListener::from(socket).try_into()
}

fn bind_unix(path: &Path, backlog: u32) -> Result<Listener, BindError> {
    let address = Address::Unix(path.to_path_buf());
    if path.as_os_str().is_empty() || path.as_os_str().as_bytes().contains(&0) {
        // Either would be a name that leaves no file: a kernel's own choice, or one of Linux's
        // abstract ones.
        return Err(BindError::Malformed(address.to_string()));
    }
    let name = SockAddr::unix(path).map_err(|_| BindError::PathTooLong(path.into()))?;
    let failed = |error| BindError::of(&address, error);
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    match socket.bind(&name) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(path, &name)?;
            socket.bind(&name).map_err(failed)?;
        }
        bound => bound.map_err(failed)?,
    }
    let file = SocketFile::of(FileAt::find(path).map_err(failed)?);
    socket.listen(capped(backlog)).map_err(failed)?;
    let listener = UnixListener::from(OwnedFd::from(socket));
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(Listener { address, file: Some(file), socket: Socket::Unix(listener) })
}

/// Removes the file of a Unix socket on which nobody listens. Whatever else is there stays and is
/// an error: a live socket, and above all what is no socket.
fn remove_stale(path: &Path, name: &SockAddr) -> Result<(), BindError> {
    let address = Address::Unix(path.to_path_buf());
    let failed = |error| BindError::of(&address, error);
    let found = match FileAt::find(path) {
        Ok(found) => found,
        // It went meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !found.is_socket {
        return Err(BindError::NotASocket(path.into()));
    }
    let probe = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    // Else connecting to a live server whose queue is full would wait for it.
    probe.set_nonblocking(true).map_err(failed)?;
    match probe.connect(name) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            found.remove_if_unchanged();
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(failed(error)),
        // It took us, its queue is full, or it speaks datagrams: somebody is there.
        _ => Err(BindError::InUse(address)),
    }
}

/// `listen` takes a signed number.
fn capped(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}

/// The file of a Unix socket that we made. Removed when the last of these is dropped, if it is
/// still the same file.
#[derive(Clone, Debug)]
pub(super) struct SocketFile {
    _made: Arc<Made>,
}

#[derive(Debug)]
struct Made(FileAt);

impl SocketFile {
    fn of(file: FileAt) -> Self {
        Self { _made: Arc::new(Made(file)) }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.0.remove_if_unchanged();
    }
}

/// A file as it was found: the path, and the numbers by which it is known again. While its socket
/// is open the kernel holds on to the inode, so its number cannot come to stand for another file.
#[derive(Debug)]
struct FileAt {
    /// Absolute, so that it still leads there when the process has changed its folder.
    path: PathBuf,
    device: u64,
    inode: u64,
    is_socket: bool,
}

impl FileAt {
    fn find(path: &Path) -> io::Result<Self> {
        let found = path.symlink_metadata()?;
        Ok(Self {
            path: std::path::absolute(path)?,
            device: found.dev(),
            inode: found.ino(),
            is_socket: found.file_type().is_socket(),
        })
    }

    /// A file that cannot be removed stays: the next start finds it stale and replaces it.
    fn remove_if_unchanged(&self) {
        let now = Self::find(&self.path);
        if now.is_ok_and(|now| (now.device, now.inode) == (self.device, self.inode)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;
    use crate::config::BACKLOG;

    /// A folder of this test's own, gone at its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("oneloop-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn bind(address: &Address) -> Result<Listener, BindError> {
        Listener::bind(address, BACKLOG)
    }

    fn local() -> Address {
        Address::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:8080", "[::1]:80", "[::]:0", "unix:/run/x.sock", "unix:x"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "8080", "localhost:80", "127.0.0.1", "::1", "unix:", "127.0.0.1:65536"] {
            assert!(matches!(text.parse::<Address>(), Err(BindError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn port_0_becomes_a_real_one_that_answers() {
        let listener = bind(&local()).unwrap();
        let Address::Tcp(address) = *listener.address() else { panic!("TCP was asked for") };
        assert_ne!(address.port(), 0);
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn accepting_never_waits_and_accepted_sockets_have_no_delay() {
        let (address, socket, file) = bind(&local()).unwrap().into_parts();
        let (Address::Tcp(address), Socket::Tcp(socket)) = (address, socket) else {
            panic!("TCP was asked for")
        };
        assert!(file.is_none());
        assert_eq!(socket.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let _client = TcpStream::connect(address).unwrap();
        let (accepted, _) = socket.accept().unwrap();
        if cfg!(target_os = "linux") {
            assert!(accepted.nodelay().unwrap());
        }
    }

    fn bind_each(address: &Address, loops: usize) -> Result<Vec<Listener>, BindError> {
        Listener::bind_each(address, BACKLOG, NonZeroUsize::new(loops).unwrap())
    }

    #[test]
    fn loops_that_share_a_port_share_it_with_nobody_else() {
        for (first, second) in [(1, 2), (2, 1), (2, 2), (3, 3)] {
            let listeners = bind_each(&local(), first).unwrap();
            assert_eq!(listeners.len(), first);
            let address = listeners[0].address().clone();
            assert!(listeners.iter().all(|listener| *listener.address() == address));
            let refused = bind_each(&address, second).unwrap_err();
            assert!(matches!(refused, BindError::InUse(at) if at == address), "{first} {second}");
            drop(listeners);
            bind_each(&address, second).unwrap();
        }
    }

    /// Whether of two who ask at the same time one is refused, however they meet.
    #[test]
    fn of_two_that_start_at_once_one_has_the_port() {
        for _ in 0..100 {
            let address = bind(&local()).unwrap().address().clone();
            let other = address.clone();
            let thread = std::thread::spawn(move || bind_each(&other, 2));
            let (one, other) = (bind_each(&address, 2), thread.join().unwrap());
            assert!(one.is_err() || other.is_err(), "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_loop_alone_shares_nothing() {
        for loops in [1, 2] {
            let listeners = bind_each(&local(), loops).unwrap();
            for listener in &listeners {
                let Socket::Tcp(socket) = &listener.socket else { panic!("TCP was asked for") };
                let is_shared = rustix::net::sockopt::socket_reuseport(socket).unwrap();
                assert_eq!(is_shared, cfg!(target_os = "linux") && loops > 1);
            }
        }
    }

    #[test]
    fn the_file_of_a_unix_socket_stays_until_the_last_loop_has_left() {
        let folder = Scratch::new("shared");
        let address = Address::Unix(folder.at("s"));
        let mut listeners = bind_each(&address, 3).unwrap();
        assert!(matches!(bind_each(&address, 2), Err(BindError::InUse(_))));
        while listeners.pop().is_some() {
            let found = UnixStream::connect(folder.at("s"));
            assert_eq!(found.is_ok(), !listeners.is_empty(), "{found:?}");
        }
        assert!(!folder.at("s").exists());
    }

    #[test]
    fn a_port_in_use_says_so_and_is_free_again_at_once() {
        let first = bind(&local()).unwrap();
        let address = first.address().clone();
        let Address::Tcp(tcp) = address else { panic!("TCP was asked for") };
        let error = bind(&address).unwrap_err();
        assert!(matches!(error, BindError::InUse(_)));
        assert_eq!(
            error.to_string(),
            format!("{address} is in use; stop the server that has it, or take another port")
        );
        // The side that closes first is left in TIME_WAIT: ours.
        let Socket::Tcp(socket) = first.into_parts().1 else { panic!("TCP was asked for") };
        let client = TcpStream::connect(tcp).unwrap();
        drop(socket.accept().unwrap());
        drop((socket, client));
        bind(&address).unwrap();
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        // TEST-NET-1 (RFC 5737) belongs to nobody.
        let error = bind(&"192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert!(matches!(error, BindError::NotHere(_)), "{error}");
    }

    #[test]
    fn every_error_is_one_line_with_a_remedy() {
        let (tcp, unix) = (local(), Address::Unix("/x".into()));
        for error in [
            BindError::Malformed("a\nb".into()),
            BindError::InUse(tcp.clone()),
            BindError::InUse(unix.clone()),
            BindError::NotPermitted(tcp.clone()),
            BindError::NotPermitted(unix),
            BindError::NotHere(tcp.clone()),
            BindError::NoFolder("/x".into()),
            BindError::PathTooLong("/x".into()),
            BindError::NotASocket("/x".into()),
            BindError::Failed(tcp, io::Error::from(ErrorKind::OutOfMemory)),
        ] {
            let text = error.to_string();
            assert!(!text.contains('\n'), "{text}");
            assert_eq!(text.matches("; ").count(), 1, "{text}");
        }
    }

    #[test]
    fn errors_of_the_kernel_are_told_apart() {
        let check = |address: &str, kind, expected: fn(&BindError) -> bool| {
            let error = BindError::of(&address.parse().unwrap(), io::Error::from(kind));
            assert!(expected(&error), "{address} {kind}: {error:?}");
        };
        use ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
        check("1.2.3.4:80", PermissionDenied, |e| matches!(e, BindError::NotPermitted(_)));
        check("1.2.3.4:8080", PermissionDenied, |e| matches!(e, BindError::Failed(..)));
        check("unix:/x", PermissionDenied, |e| matches!(e, BindError::NotPermitted(_)));
        check("unix:/x", ReadOnlyFilesystem, |e| matches!(e, BindError::NotPermitted(_)));
        check("unix:/x", NotFound, |e| matches!(e, BindError::NoFolder(_)));
        check("1.2.3.4:80", NotFound, |e| matches!(e, BindError::Failed(..)));
    }

    #[test]
    fn a_unix_socket_answers_and_its_file_goes_with_the_listener() {
        let folder = Scratch::new("answers");
        let path = folder.at("s");
        let listener = bind(&Address::Unix(path.clone())).unwrap();
        assert_eq!(listener.address().to_string(), format!("unix:{}", path.display()));
        UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn the_file_stays_while_the_parts_of_a_listener_live() {
        let folder = Scratch::new("parts");
        let path = folder.at("s");
        let (_, socket, file) = bind(&Address::Unix(path.clone())).unwrap().into_parts();
        UnixStream::connect(&path).unwrap();
        drop(socket);
        assert!(path.exists());
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_file_is_replaced() {
        let folder = Scratch::new("stale");
        let path = folder.at("s");
        // std leaves the file behind.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _listener = bind(&Address::Unix(path.clone())).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_live_unix_socket_is_in_use_even_when_its_queue_is_full() {
        let folder = Scratch::new("live");
        let path = folder.at("s");
        let address = Address::Unix(path.clone());
        let first = Listener::bind(&address, 0).unwrap();
        assert!(matches!(bind(&address), Err(BindError::InUse(_))));
        // That attempt has filled a queue of one; the next must not wait in line.
        assert!(matches!(bind(&address), Err(BindError::InUse(_))));
        drop(first);
        let _datagrams = UnixDatagram::bind(&path).unwrap();
        assert!(matches!(bind(&address), Err(BindError::InUse(_))));
        assert!(path.exists());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = Scratch::new("file");
        let path = folder.at("s");
        std::fs::File::create(&path).unwrap().write_all(b"precious").unwrap();
        let error = bind(&Address::Unix(path.clone())).unwrap_err();
        assert!(matches!(error, BindError::NotASocket(_)), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        let link = folder.at("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = bind(&Address::Unix(link)).unwrap_err();
        assert!(matches!(error, BindError::NotASocket(_)), "{error}");
    }

    #[test]
    fn a_file_that_is_no_longer_ours_stays() {
        let folder = Scratch::new("theirs");
        let path = folder.at("s");
        let ours = bind(&Address::Unix(path.clone())).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _theirs = UnixListener::bind(&path).unwrap();
        drop(ours);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn paths_that_cannot_be_are_told_apart() {
        let folder = Scratch::new("paths");
        let check = |path: PathBuf, expected: fn(&BindError) -> bool| {
            let error = bind(&Address::Unix(path)).unwrap_err();
            assert!(expected(&error), "{error:?}");
        };
        check(folder.at("none/s"), |e| matches!(e, BindError::NoFolder(_)));
        check(folder.at(&"x".repeat(120)), |e| matches!(e, BindError::PathTooLong(_)));
        check(PathBuf::new(), |e| matches!(e, BindError::Malformed(_)));
        check("\0abstract".into(), |e| matches!(e, BindError::Malformed(_)));
        check("/tmp/a\0b".into(), |e| matches!(e, BindError::Malformed(_)));
    }

    #[test]
    fn a_listener_bound_elsewhere_is_made_non_blocking_and_keeps_its_file() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(tcp.local_addr().unwrap());
        let listener = Listener::try_from(tcp).unwrap();
        assert_eq!(*listener.address(), address);
        let Socket::Tcp(socket) = &listener.socket else { panic!("TCP was handed in") };
        assert_eq!(socket.accept().unwrap_err().kind(), ErrorKind::WouldBlock);

        let folder = Scratch::new("elsewhere");
        let path = folder.at("s");
        let listener = Listener::try_from(UnixListener::bind(&path).unwrap()).unwrap();
        assert_eq!(*listener.address(), Address::Unix(path.clone()));
        drop(listener);
        assert!(path.exists());
    }
}
