//! The example of the crate's documentation as a program: `cargo run --example hello`.

use oneloop::{Answer, Request, Response, Routes, Server};

fn home(request: &Request<'_>) -> Response {
    let agent = request.header("user-agent").unwrap_or(b"somebody");
    Response::text(format!("Hello, {}!\n", agent.escape_ascii()))
}

fn shout(_: &Request<'_>) -> Answer {
    // The body, please: it is collected, and then answered.
    Answer::collect(|body| Response::bytes(body.to_ascii_uppercase()))
}

#[allow(clippy::print_stdout, reason = "a program may say where it is")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let routes = Routes::new().get("/", home).post("/shout", shout);
    let server = Server::bind("127.0.0.1:8080")?.stop_on_signals()?;
    println!("http://{}/", server.addresses()[0]);
    server.run(routes)?;
    Ok(())
}
