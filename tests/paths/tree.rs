//! The folder that is served, with every kind of trap in it, and the bait beside it.
//!
//! There are two roots: one whose links lead to the bait, which no policy but `all` would follow;
//! and one whose links lead to what the operator may have meant, for that policy.

use std::ffi::OsStr;
use std::fs::{self, create_dir_all};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use oneloop::responders::Symlinks;

use crate::harness::Scratch;

/// What stands in every file that nobody may see. No target has it, so no answer can echo it.
pub(crate) const BAIT: &[u8] = b"5f1d-the-bait-c3a9";

/// A name that is outside, and that no listing may show.
pub(crate) const BAIT_NAME: &[u8] = b"name-of-the-bait";

/// A part of hidden names: where they are refused, no listing may show one.
pub(crate) const HIDDEN_NAME: &[u8] = b"never-listed";

/// The first line of /etc/passwd, which is what such attacks are mostly after.
pub(crate) fn passwd() -> Vec<u8> {
    static LINE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let text = fs::read("/etc/passwd").unwrap_or_default();
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        if line.is_empty() { b"root:x:0:0:".to_vec() } else { line.to_vec() }
    });
    LINE.clone()
}

/// Files, by their paths in the root. Their content is their path, so no two are the same.
const FILES: &[&[u8]] = &[
    b"plain.txt",
    b"a b.txt",
    b" ",
    b"100%.txt",
    b"%2e%2e",
    b"..%2f..",
    b"%2fetc%2fpasswd",
    b"semi;colon=1,2",
    b"..;/below",
    b"query?mark",
    b"hash#mark",
    b"back\\slash",
    b"..\\..\\secret.txt",
    b"quote'\"<>&.html",
    b"plus+at@colon:~!$()*",
    b"c:",
    b"line\nfeed",
    b"...",
    b"....//....",
    b"..a",
    b"a..",
    b".well-known/security.txt",
    b".well-known/.never-listed",
    b".env",
    b".git/config",
    b".never-listed/deep/file",
    b"sub/nested.txt",
    b"sub/.never-listed",
    b"sub/deep/deepest.txt",
    b"sub/deep/etc/passwd",
    b"etc/passwd",
    b"secret",
    b"with-index/index.html",
    b"index-is-folder/index.html/inner",
    b"index-leads-in/page",
    b"evil.example/index.html",
    b"evil.example/inner/file",
    b"www.evil.example/file",
    b"page.html",
    b"coded.html",
    b"coded.html.gz",
    b"coded.html.br",
    "\u{fc}ml\u{e4}ut.txt".as_bytes(),
    "\u{2025}/\u{ff0e}\u{ff0e}\u{ff0f}secret.txt".as_bytes(),
    "\u{65e5}\u{672c}/\u{8a9e}".as_bytes(),
    b"\xFF\xFE",
    b"\xC0\xAE\xC0\xAE/\xC0\xAF",
    b"\xE0\x80\xAE",
];

/// Links that stay inside.
const INSIDE: &[(&str, &str)] = &[
    ("to-plain", "plain.txt"),
    ("to-plain-slash", "plain.txt/"),
    ("to-nested", "./sub//nested.txt"),
    ("to-sub", "sub"),
    ("to-root", "."),
    ("to-link", "to-plain"),
    ("through-link", "to-sub/nested.txt"),
    ("sub/up", "../plain.txt"),
    ("sub/to-parent", ".."),
    ("sub/deep/up", "../../to-sub/deep/deepest.txt"),
    ("to-deep", "sub/deep"),
    ("dotdot-inside", "to-deep/../nested.txt"),
    ("dotdot-of-a-file", "plain.txt/../plain.txt"),
    ("seen", ".env"),
    ("seen-folder", ".git"),
    (".never-listed-link", "plain.txt"),
    ("index-leads-in/index.html", "../plain.txt"),
    ("loop", "loop"),
    ("ping", "pong"),
    ("pong", "ping"),
    ("dangling", "nothing"),
];

/// Links to the bait.
const OUT: &[(&str, &str)] = &[
    ("out", "../secret.txt"),
    ("out-folder", ".."),
    ("out-and-in", "../root/plain.txt"),
    ("out-to-another", "../root-of-another"),
    ("sub/out", "../../secret.txt"),
    ("sub/out-folder", "../.."),
    ("sub/deep/out", "../../../root-of-another/index.html"),
    ("index-leads-out/index.html", "../../secret.txt"),
    ("page.html.gz", "../secret.txt"),
    ("page.html.br", "../root-of-another/index.html"),
    ("page.html.zst", "../secret.txt"),
    ("404.html", "../secret.txt"),
    ("sub/404.html", "../../secret.txt"),
    ("default.html", "../secret.txt"),
    ("clean.html", "../secret.txt"),
    ("passwd", "/etc/passwd"),
    ("slash", "/"),
    ("to-proc", "/proc/self/root"),
    ("to-proc-cwd", "/proc/self/cwd"),
];

/// Links by which an operator who lets all be followed serves more.
const GRANTED: &[(&str, &str)] = &[
    ("out", "../granted/file.txt"),
    ("out-folder", "../granted"),
    ("out-and-in", "../root/plain.txt"),
    ("sub/out", "../../granted/folder/file.txt"),
    ("sub/out-folder", "../../granted/folder"),
    ("index-leads-out/index.html", "../../granted/file.txt"),
];

/// The folder that has them all.
pub(crate) struct Tree {
    outer: Scratch,
    /// With links to the bait, and with links to what is granted.
    roots: [PathBuf; 2],
}

impl Tree {
    pub(crate) fn grown() -> Self {
        let name = std::thread::current().name().unwrap_or("paths").to_owned();
        let outer = Scratch::new(&name);
        let there = outer.0.canonicalize().expect("a folder");
        let roots = ["bait", "grants"].map(|name| there.join(name).join("root"));
        for root in &roots {
            Self::plant(root);
        }
        for (name, target) in OUT {
            link(&roots[0], name, target);
        }
        for (name, target) in GRANTED {
            link(&roots[1], name, target);
        }
        let absolute = |at: usize, name: &str| roots[at].join(name).to_str().expect("text").into();
        let links: [(usize, &str, String); 6] = [
            (0, "absolute", absolute(0, "plain.txt")),
            (0, "absolute-folder", absolute(0, "sub")),
            (0, "absolute-out", absolute(0, "../secret.txt")),
            (1, "absolute", absolute(1, "plain.txt")),
            (1, "absolute-folder", absolute(1, "sub")),
            (1, "absolute-out", absolute(1, "../granted/file.txt")),
        ];
        for (at, name, target) in &links {
            link(&roots[*at], name, target);
        }
        Self { outer, roots }
    }

    /// All that is the same in both, and the bait beside them.
    fn plant(root: &Path) {
        for path in FILES {
            write(&root.join(OsStr::from_bytes(path)), &[b"content of ", *path].concat());
        }
        write(&root.join("large.bin"), &b"large ".repeat(20_000));
        write(&root.join("a".repeat(255)), b"a long name");
        create_dir_all(root.join("empty")).expect("a folder");
        for (name, target) in INSIDE {
            link(root, name, target);
        }
        link(root, "chain-1", "plain.txt");
        for length in 2..=41 {
            link(root, &format!("chain-{length}"), &format!("chain-{}", length - 1));
        }
        let outer = root.parent().expect("it is in a folder");
        for bait in ["secret.txt", "index.html", "name-of-the-bait", "root-of-another/index.html"] {
            write(&outer.join(bait), BAIT);
        }
        write(&outer.join("root-of-another/name-of-the-bait"), BAIT);
        write(&outer.join("granted/file.txt"), b"granted");
        write(&outer.join("granted/folder/file.txt"), b"granted too");
    }

    /// The root that is served where links are followed like that.
    pub(crate) fn root(&self, symlinks: Symlinks) -> &Path {
        &self.roots[usize::from(symlinks == Symlinks::All)]
    }

    /// All paths in both roots, once each.
    pub(crate) fn paths(&self) -> Vec<Vec<u8>> {
        let mut paths = vec![b"large.bin".to_vec(), vec![b'a'; 255], b"empty".to_vec()];
        paths.extend(FILES.iter().map(|path| path.to_vec()));
        let folders = FILES.iter().filter_map(|path| Path::new(OsStr::from_bytes(path)).parent());
        paths.extend(folders.map(|folder| folder.as_os_str().as_bytes().to_vec()));
        for links in [INSIDE, OUT, GRANTED] {
            paths.extend(links.iter().map(|(name, _)| name.as_bytes().to_vec()));
        }
        let more =
            ["absolute", "absolute-folder", "absolute-out", "chain-1", "chain-40", "chain-41"];
        paths.extend(more.map(|name| name.as_bytes().to_vec()));
        paths.sort();
        paths.dedup();
        paths
    }

    /// Where the bait lies, as absolute paths.
    pub(crate) fn bait(&self) -> Vec<String> {
        let there = self.outer.0.canonicalize().expect("a folder");
        let bait = ["bait/secret.txt", "grants/secret.txt", "bait/root-of-another/index.html"];
        bait.map(|path| there.join(path).to_str().expect("text").to_owned()).into()
    }
}

fn write(path: &Path, content: &[u8]) {
    create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    fs::write(path, content).expect("it can be written");
}

fn link(root: &Path, name: &str, target: &str) {
    let path = root.join(name);
    create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    symlink(target, path).expect("it can be made");
}
