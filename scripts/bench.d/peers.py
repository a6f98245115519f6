"""The servers: what each is called, how it is configured and started, and what it cannot do.

Each has one process, or one worker, and the settings that its own manual gives for speed: no access
log, open files kept, as many requests on a connection as come. All of them listen on loopback only.
"""

import re
import shutil
import subprocess

from trouble import Trouble
from workloads import HELLO

IDLE = 600  # seconds that a connection may stay without asking

NGINX = """
daemon off; worker_processes 1; pid {scratch}/nginx.pid; error_log stderr crit;
worker_rlimit_nofile {descriptors};
events {{ worker_connections {most}; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; gzip_static on; etag on;
  keepalive_requests 1000000000; keepalive_timeout {idle}s;
  open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;
  types {{ text/html html; text/css css; text/javascript js; application/json json;
    image/svg+xml svg; }}
  default_type text/plain;
  client_body_temp_path {scratch}/b; proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f;
  uwsgi_temp_path {scratch}/u; scgi_temp_path {scratch}/s;
  server {{ listen 127.0.0.1:{port} backlog=4096 reuseport;
    location = /hello {{ return 200 "{hello}"; }}
    location / {{ root {root}; }} }}
}}
"""

H2O = """
listen: {{host: 127.0.0.1, port: {port}}}
num-threads: 1
max-connections: {most}
http1-request-timeout: {idle}
file.send-gzip: ON
hosts: {{default: {{paths: {{/: {{file.dir: "{root}"}}}}}}}}
"""

LIGHTTPD = """
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.max-fds = {descriptors}
server.max-connections = {most}
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = {idle}
server.listen-backlog = 4096
mimetype.assign = ("" => "text/plain")
"""


class Peer:
    """A server under measurement."""

    package = None  # what Debian calls it; None for what cargo builds here

    def __init__(self, name):
        self.name = name

    def missing(self):
        """Why it cannot take part, or None."""
        if self.package and not shutil.which(self.name):
            return f"not installed; apt-get install {self.package}"
        return None

    def version(self):
        return None

    def can(self, workload):
        return True

    def command(self, place, port, workload):
        """The words that start it. `place` is a `run.Place`."""
        raise NotImplementedError


class Floor(Peer):
    """examples/floor.rs; its content has the mean size of the workload's answers."""

    def __init__(self, name, source):
        super().__init__(name)
        self.source = source

    def can(self, workload):
        return self.source == "memory" or workload.is_file

    def command(self, place, port, workload):
        size = place.folder.size(workload)
        what = str(size) if self.source == "memory" else str(place.folder.file_of_size(size))
        closes = ["close"] if ("Connection", "close") in workload.fields else []
        return [place.built["floor"], str(port), what, *closes]


def how(port):
    """oneloop's flags."""
    return ["--port", str(port), "--quiet", "--idle-timeout", f"{IDLE}s"]


class Respond(Peer):
    def can(self, workload):
        return workload.paths == ("/hello",)

    def command(self, place, port, workload):
        return [place.built["oneloop"], "respond", HELLO.decode(), *how(port)]


class Files(Peer):
    def command(self, place, port, workload):
        return [place.built["oneloop"], str(place.folder.root), *how(port)]


class Configured(Peer):
    """One that is installed, and reads a file of settings."""

    def __init__(self, name, package, settings, arguments, asks_version, cannot=()):
        super().__init__(name)
        self.package, self.settings, self.arguments = package, settings, arguments
        self.asks_version, self.cannot = asks_version, cannot

    def can(self, workload):
        return workload.name not in self.cannot

    def version(self):
        said = subprocess.run([self.name, self.asks_version], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+[.\d]*", said.stdout + said.stderr)
        return found[0] if found else None

    def command(self, place, port, workload):
        file = place.scratch / f"{self.name}.conf"
        filled = self.settings.format(
            port=port,
            root=place.folder.root,
            scratch=place.scratch,
            hello=HELLO.decode(),
            descriptors=place.descriptors,
            most=place.most_connections,
            idle=IDLE,
        )
        file.write_text(filled)
        return [self.name, *self.arguments, str(file)]


PEERS = {
    one.name: one
    for one in (
        Floor("floor", "memory"),
        Floor("floor-sendfile", "file"),
        Respond("oneloop-respond"),
        Files("oneloop-files"),
        Configured("nginx", "nginx-light", NGINX, ["-c"], "-v"),
        Configured("h2o", "h2o", H2O, ["-c"], "-v"),
        # It keeps no compressed files beside the others, but makes them.
        Configured("lighttpd", "lighttpd", LIGHTTPD, ["-D", "-f"], "-v", cannot=("page",)),
    )
}
FLOORS = ("floor", "floor-sendfile")


def chosen(names, workloads):
    """The peers of those names that can do some of it, and why the others cannot, as lines."""
    peers, left_out = [], []
    for name in names:
        if name not in PEERS:
            raise Trouble(f"there is no peer {name}; there are {', '.join(PEERS)}")
        why = PEERS[name].missing()
        if not why and not any(PEERS[name].can(one) for one in workloads):
            why = f"it cannot do {', '.join(one.name for one in workloads)}"
        if why:
            left_out.append(f"{name} ({why})")
        else:
            peers.append(PEERS[name])
    if not peers:
        raise Trouble(f"there is nobody to measure: {', '.join(left_out)}")
    return peers, left_out
