//! The sandbox of `--sandbox`: from the moment on that it stands, this process can read what it
//! serves and nothing else, whatever bug there is above it.
//!
//! It is Landlock (Linux 5.13), which needs no privileges and can only be tightened. It binds the
//! thread that asks for it and those that it starts later, so it has to be asked for before any
//! other thread is there, and after everything is open that stays open: listeners, logs, the served
//! folder. What is open may be used as before. The threads that are there before are the access
//! log's, which opens one path anew when the log is rotated, and the trace's, which opens nothing;
//! nothing that a client says reaches them but as bytes to be written. So nobody else may write
//! anywhere, not even beside the log.
//!
//! Relies on the landlock crate for knowing what which kernel can deny.   Never takes a kernel that
//! can deny less for an error: it says how far it came.
//! The only file that uses landlock.   Read next: nothing; `main.rs` calls it.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use log::warn;

use super::cli::Sandbox;

/// What the process may still read, and whether that is to be enforced.
pub(crate) struct Confinement {
    pub(crate) to: Vec<PathBuf>,
    pub(crate) sandbox: Sandbox,
}

impl Confinement {
    /// Confines the process, once everything is open: the listeners, the logs and what is served.
    /// `sockets` are files that it removes at its end. Of the threads only those that write the log
    /// and the trace have begun by then, and they open nothing but the log.
    pub(crate) fn enter(self, sockets: &[PathBuf]) -> Result<(), SandboxError> {
        // A link that is served by itself may be given another target, anywhere.
        let is_link = |path: &PathBuf| path.is_symlink() && path.is_file();
        let is_told = match self.sandbox {
            Sandbox::Off => return Ok(()),
            Sandbox::Auto if self.to.iter().any(is_link) => return Ok(()),
            Sandbox::Auto => false,
            Sandbox::On => true,
        };
        let folders = sockets.iter().map(|path| match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.into(),
            _ => PathBuf::from("."),
        });
        match confine(&self.to, &folders.collect::<Vec<_>>()) {
            Err(_) | Ok(Confined::Partly | Confined::NotSupported) if !is_told => {}
            Err(error) => return Err(error),
            Ok(Confined::Fully) => {}
            Ok(Confined::Partly) => {
                warn!("this kernel confines the process in part; Linux 6.10 would fully");
            }
            Ok(Confined::NotSupported) => {
                warn!("this kernel has no Landlock; --sandbox confines nothing");
            }
        }
        Ok(())
    }
}

/// How far the process is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "Landlock is Linux's"))]
pub(crate) enum Confined {
    /// It reads beneath what it serves, removes its sockets' files, and makes no connection.
    Fully,
    /// As far as this kernel can deny: before Linux 6.10 there is something that it cannot.
    Partly,
    /// Not at all: this kernel has no Landlock, or it is turned off.
    NotSupported,
}

/// Confines this thread, and all that it starts from now on, to reading beneath `readable`, and to
/// removing files beneath the folders `removable_in`. It cannot be undone.
///
/// Of what is readable, folders may be read and listed. A file may be read, and with it all that is
/// beneath its folder: another file may take its name while it is served. Symbolic links give no
/// right to what they lead to.
///
/// # Errors
/// Where one of the paths cannot be opened, or the kernel refuses.
#[cfg(target_os = "linux")]
pub(crate) fn confine(
    readable: &[PathBuf],
    removable_in: &[PathBuf],
) -> Result<Confined, SandboxError> {
    use landlock::{AccessFs, RulesetStatus};

    let mut rules = rules::denying_all()?;
    for path in readable {
        if path.is_file() {
            for folder in rules::folders_of(path)? {
                rules = rules::allow(rules, &folder, AccessFs::ReadFile.into())?;
            }
        } else {
            rules = rules::allow(rules, path, AccessFs::ReadFile | AccessFs::ReadDir)?;
        }
    }
    for folder in removable_in {
        rules = rules::allow(rules, folder, AccessFs::RemoveFile.into())?;
    }
    let confined = rules.restrict_self().map_err(SandboxError::refused)?;
    Ok(match confined.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::NotSupported,
    })
}

/// There is no such thing here.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn confine(_: &[PathBuf], _: &[PathBuf]) -> Result<Confined, SandboxError> {
    Ok(Confined::NotSupported)
}

#[cfg(target_os = "linux")]
mod rules {
    use std::path::{Path, PathBuf};

    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreated, RulesetCreatedAttr,
    };

    use super::SandboxError;

    /// What is denied is what Linux 6.10 knows to deny: all there is to do with files and folders,
    /// and to bind and connect by TCP. What later kernels can deny beyond that has to do with other
    /// processes.
    const DENIED: ABI = ABI::V5;

    /// Rules that allow nothing yet.
    pub(super) fn denying_all() -> Result<RulesetCreated, SandboxError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(DENIED))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(DENIED)))
            .and_then(Ruleset::create)
            .map_err(SandboxError::refused)
    }

    /// Allows this beneath a folder.
    pub(super) fn allow(
        rules: RulesetCreated,
        folder: &Path,
        access: BitFlags<AccessFs>,
    ) -> Result<RulesetCreated, SandboxError> {
        let opened = PathFd::new(folder).map_err(|error| SandboxError::unopened(folder, error))?;
        rules.add_rule(PathBeneath::new(opened, access)).map_err(SandboxError::refused)
    }

    /// The folder that a file has its name in, and the one where it really is.
    pub(super) fn folders_of(path: &Path) -> Result<[PathBuf; 2], SandboxError> {
        let real = path.canonicalize().map_err(|error| SandboxError::unopened(path, error))?;
        Ok([path, &real].map(|path| match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        }))
    }
}

/// Why the process could not be confined. Displayed as one line: what, on what; what to do.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nothing is tried there"))]
pub(crate) enum SandboxError {
    /// A path that is to be readable, or a socket's folder, cannot be opened.
    Unopened {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The kernel has Landlock and refuses it.
    Refused {
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
    },
}

#[cfg(target_os = "linux")]
impl SandboxError {
    fn unopened(path: &std::path::Path, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Unopened { path: path.into(), source: Box::new(source) }
    }

    fn refused(source: landlock::RulesetError) -> Self {
        Self::Refused { source: Box::new(source) }
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unopened { path, source } => {
                let path = path.display();
                write!(f, "cannot confine the process to {path}: {source}; check the path")
            }
            Self::Refused { source } => {
                write!(f, "the kernel refused the sandbox: {source}; start without --sandbox")
            }
        }
    }
}

impl Error for SandboxError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unopened { source, .. } | Self::Refused { source } => Some(source.as_ref()),
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir_all, read, read_dir, remove_file, rename, write};
    use std::io::{self, ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::{Confined, SandboxError, confine};

    /// `served` with a file and a folder in it, `beside` with a secret, and `run` for sockets. It
    /// has to be dropped by a thread that is not confined, or stays behind.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("oneloop-sandbox-{name}-{}", std::process::id());
            let folder = Self(std::env::temp_dir().join(name));
            for name in ["served/sub", "beside", "run"] {
                create_dir_all(folder.0.join(name)).unwrap();
            }
            for name in ["served/file", "served/sub/file", "beside/secret", "run/socket"] {
                write(folder.0.join(name), name).unwrap();
            }
            symlink("../beside/secret", folder.0.join("served/out")).unwrap();
            folder
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Confines a thread of its own, and does this in it. Nothing is done where the kernel cannot
    /// confine; then that is said.
    fn confined(readable: &[PathBuf], removable_in: &[PathBuf], then: impl FnOnce() + Send) {
        thread::scope(|scope| {
            let thread = scope.spawn(|| match confine(readable, removable_in).unwrap() {
                Confined::NotSupported => {
                    // Then nothing may have been denied.
                    assert!(read("/proc/self/stat").is_ok());
                    eprintln!("this kernel has no Landlock: that it confines is not tested here");
                }
                Confined::Fully | Confined::Partly => then(),
            });
            thread.join().unwrap();
        });
    }

    #[track_caller]
    fn assert_denied<T>(outcome: io::Result<T>) {
        let kind = outcome.map(drop).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::PermissionDenied));
    }

    #[test]
    fn a_served_folder_is_read_and_nothing_else() {
        let folder = Folder::new("folder");
        confined(&[folder.at("served")], &[], || {
            assert_eq!(read(folder.at("served/file")).unwrap(), b"served/file");
            assert_eq!(read(folder.at("served/sub/file")).unwrap(), b"served/sub/file");
            assert_eq!(read_dir(folder.at("served")).unwrap().count(), 3);
            for denied in ["beside/secret", "served/out", "served/../beside/secret"] {
                assert_denied(read(folder.at(denied)));
            }
            assert_denied(read("/etc/passwd"));
            assert_denied(read_dir(folder.at("beside")));
            assert_denied(read_dir("/"));
        });
    }

    #[test]
    fn nothing_is_written_made_or_removed() {
        let folder = Folder::new("written");
        confined(&[folder.at("served")], &[], || {
            assert_denied(write(folder.at("served/file"), "changed"));
            assert_denied(write(folder.at("served/made"), "made"));
            assert_denied(File::options().append(true).open(folder.at("served/file")));
            assert_denied(remove_file(folder.at("served/file")));
            assert_denied(rename(folder.at("served/file"), folder.at("served/new")));
            assert_denied(symlink("file", folder.at("served/link")));
            assert_denied(std::fs::create_dir(folder.at("served/folder")));
        });
        assert_eq!(read(folder.at("served/file")).unwrap(), b"served/file");
    }

    #[test]
    fn a_socket_s_file_may_be_removed_where_that_was_asked_for() {
        let folder = Folder::new("removed");
        confined(&[folder.at("served")], &[folder.at("run")], || {
            assert_denied(read(folder.at("run/socket")));
            remove_file(folder.at("run/socket")).unwrap();
            assert_denied(remove_file(folder.at("beside/secret")));
            assert_denied(remove_file(folder.at("served/file")));
        });
    }

    /// With its folder, as it may be replaced; and with where it really is, if it is a link.
    #[test]
    fn a_served_file_is_read_however_it_is_replaced() {
        let folder = Folder::new("file");
        let (served, new, link) = (folder.at("served/file"), folder.at("new"), folder.at("link"));
        write(&new, "new").unwrap();
        symlink("served/file", &link).unwrap();
        let listed = folder.at("served");
        let (confined_now, is_confined) = channel();
        let (replaced_now, is_replaced) = channel();
        thread::scope(|scope| {
            // Somebody else replaces it: this thread was there before.
            scope.spawn(move || {
                if is_confined.recv().is_ok() {
                    rename(new, served).unwrap();
                    replaced_now.send(()).unwrap();
                }
            });
            let served = [link.clone()];
            confined(&served, &[], move || {
                assert_eq!(read(&link).unwrap(), b"served/file");
                confined_now.send(()).unwrap();
                is_replaced.recv().unwrap();
                assert_eq!(read(&link).unwrap(), b"new");
                assert_denied(read_dir(&listed));
                assert_denied(read("/etc/passwd"));
            });
        });
    }

    /// Listeners and logs are open by then. Helper threads start later, and are confined too.
    #[test]
    fn what_is_open_stays_open_and_what_starts_later_is_confined() {
        let folder = Folder::new("open");
        let mut log = File::create(folder.at("beside/log")).unwrap();
        let mut secret = File::open(folder.at("beside/secret")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).unwrap();
        confined(&[folder.at("served")], &[], || {
            log.write_all(b"a line\n").unwrap();
            let mut content = String::new();
            secret.read_to_string(&mut content).unwrap();
            assert_eq!(content, "beside/secret");
            listener.accept().unwrap();
            thread::scope(|scope| {
                let later = scope.spawn(|| read(folder.at("beside/secret")));
                assert_denied(later.join().unwrap());
            });
        });
    }

    /// Since Linux 6.7.
    #[test]
    fn no_connection_is_made() {
        let folder = Folder::new("connect");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = folder.at("served");
        let thread = thread::spawn(move || {
            if confine(&[served], &[]).unwrap() == Confined::Fully {
                assert_denied(TcpStream::connect(address));
                assert_denied(TcpListener::bind("127.0.0.1:0"));
            } else {
                eprintln!("this kernel cannot deny connections: that it does is not tested here");
            }
        });
        thread.join().unwrap();
    }

    #[test]
    fn a_path_that_is_not_there_is_said_in_one_line() {
        for (readable, removable_in) in [("/nowhere", "/"), ("/", "/nowhere")] {
            let confined = thread::spawn(|| confine(&[readable.into()], &[removable_in.into()]));
            let error = confined.join().unwrap().unwrap_err();
            assert!(matches!(error, SandboxError::Unopened { .. }), "{error:?}");
            let line = error.to_string();
            assert!(line.starts_with("cannot confine the process to /nowhere: "), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }
}
