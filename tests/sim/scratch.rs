//! Real files for [`Body::File`](oneloop::Body): they have no name any more, so they are gone when
//! the test is.

use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use oneloop::SharedFile;

use super::asks::noise;

/// A file of the [`noise`]: the same for everybody, through a descriptor of its own.
pub(crate) fn noise_file() -> Arc<SharedFile> {
    static FILE: OnceLock<File> = OnceLock::new();
    let file = FILE.get_or_init(|| unnamed(noise()));
    Arc::new(file.try_clone().expect("there is another descriptor").into())
}

/// A file that holds these bytes.
pub(crate) fn unnamed(bytes: &[u8]) -> File {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("oneloop-sim-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .expect("a file can be made in the folder for temporary files");
    std::fs::remove_file(&path).expect("a file of our own can be removed");
    file.write_all(bytes).expect("there is room for the file");
    file
}
