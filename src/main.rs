//! The program: hands its arguments to the command line and leaves with its exit code.

fn main() {}
