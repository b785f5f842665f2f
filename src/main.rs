//! The command line: `serve`, `check`, `dev`.

fn main() {}
