//! Where the program listens: the binds that were asked for become addresses, and every worker's
//! listeners.
//!
//! Names are looked up here, once. Never accepts. Read next: `main.rs`.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use oneloop::{Address, BindError, Listener, Workers};

use super::StartError;
use super::cli::{Bind, How};

/// Where port 0 was asked for on several addresses, the one that the kernel chose for the first may
/// be taken on another: so many others are tried.
const PORT_TRIES: u32 = 16;

/// Every worker listens on every address. Where any port will do, all take the one that the kernel
/// chooses for the first.
pub(crate) fn listen(how: &How) -> Result<Workers, StartError> {
    let addresses = addresses(&how.binds, how.port)?;
    let mut tries = if how.port == 0 { PORT_TRIES } else { 1 };
    let listeners = loop {
        tries -= 1;
        match bind_all(&addresses, how.backlog, how.workers) {
            Err(BindError::InUse(Address::Tcp(_))) if tries > 0 => {}
            bound => break bound?,
        }
    };
    let mut listeners = listeners.into_iter();
    let first = listeners.next().expect("every bind stands for at least one address");
    let workers = Workers::on(first).map_err(StartError::Loop)?;
    listeners.try_fold(workers, Workers::also_on).map_err(StartError::Loop)
}

/// The files of the sockets that are listened on, which are removed at the end.
pub(crate) fn sockets(how: &How) -> Vec<PathBuf> {
    let binds = how.binds.iter().filter_map(|bind| match bind {
        Bind::Unix(path) => Some(path),
        Bind::Ip(_) | Bind::Host(_) => None,
    });
    let admin = how.admin.iter().filter_map(|address| match address {
        Address::Unix(path) => Some(path),
        Address::Tcp(_) => None,
    });
    binds.chain(admin).cloned().collect()
}

/// The addresses that the binds stand for, each once.
fn addresses(binds: &[Bind], port: u16) -> Result<Vec<Address>, StartError> {
    let mut addresses = Vec::new();
    for bind in binds {
        match bind {
            Bind::Ip(ip) => addresses.push(Address::from((*ip, port))),
            Bind::Unix(path) => addresses.push(Address::Unix(path.clone())),
            Bind::Host(host) => {
                let found = lookup(host, port);
                let host = host.clone();
                addresses.extend(found.map_err(|source| StartError::Host { host, source })?);
            }
        }
    }
    let mut seen = HashSet::new();
    // `[::]` takes IPv4 too, so that 0.0.0.0 beside it is the same once more.
    if addresses.contains(&Address::from((Ipv6Addr::UNSPECIFIED, port))) {
        seen.insert(Address::from((Ipv4Addr::UNSPECIFIED, port)));
    }
    addresses.retain(|address| seen.insert(address.clone()));
    Ok(addresses)
}

/// What a host name stands for; to stand for nothing is an error.
fn lookup(host: &str, port: u16) -> io::Result<Vec<Address>> {
    let found: Vec<_> = (host, port).to_socket_addrs()?.map(Address::from).collect();
    if found.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(found) }
}

/// For each address, one listener for each worker.
fn bind_all(
    addresses: &[Address],
    backlog: u32,
    workers: NonZeroUsize,
) -> Result<Vec<Vec<Listener>>, BindError> {
    let mut chosen = 0;
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let mut address = address.clone();
        if let Address::Tcp(tcp) = &mut address
            && tcp.port() == 0
        {
            tcp.set_port(chosen);
        }
        let each = Listener::bind_each(&address, backlog, workers)?;
        if let Some(Address::Tcp(real)) = each.first().map(Listener::address) {
            chosen = real.port();
        }
        listeners.push(each);
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_addresses(binds: &[&str], expected: &[&str]) {
        let ip = |text: &&str| Bind::Ip(text.parse().unwrap());
        let found = addresses(&binds.iter().map(ip).collect::<Vec<_>>(), 80).unwrap();
        let found: Vec<_> = found.iter().map(Address::to_string).collect();
        assert_eq!(found, expected, "{binds:?}");
    }

    #[test]
    fn every_address_is_listened_on_once() {
        check_addresses(&["127.0.0.1", "::1", "127.0.0.1"], &["127.0.0.1:80", "[::1]:80"]);
        check_addresses(&["0.0.0.0"], &["0.0.0.0:80"]);
        check_addresses(&["0.0.0.0", "::"], &["[::]:80"]);
        check_addresses(&["::", "0.0.0.0"], &["[::]:80"]);
    }
}
