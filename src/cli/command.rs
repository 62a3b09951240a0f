//! A command as data: its words, what it takes, its help and the function that runs it. Help is made from this, and
//! whatever else wants to know the command line (completion, documentation).

use crate::cli::flags::Flag;
use crate::cli::{Invocation, Outcome};

/// One command of the table.
pub struct Command {
    /// Its words: `secrets enable`.
    pub name: &'static str,
    /// One line for the lists of commands.
    pub summary: &'static str,
    /// The positional arguments as the usage line shows them: `TYPE`.
    pub arguments: &'static str,
    /// How many of them there must be and may be.
    pub takes: (usize, usize),
    /// What it does, in whole sentences; an empty line parts paragraphs.
    pub about: &'static str,
    /// What for → the command line, without the program's name.
    pub examples: &'static [(&'static str, &'static str)],
    /// The command's own flags.
    pub flags: &'static [Flag],
    /// The flags it shares with others.
    pub shares: &'static [&'static FlagGroup],
    pub run: fn(&Invocation) -> Outcome,
}

/// Flags that many commands share.
pub struct FlagGroup {
    pub title: &'static str,
    pub flags: &'static [Flag],
}

/// A word that only leads to other commands: `secrets`.
pub struct Group {
    pub name: &'static str,
    pub summary: &'static str,
    pub about: &'static str,
}

/// As many arguments as there are.
pub const ANY: usize = usize::MAX;

impl Command {
    /// Every flag that may be given to it.
    #[must_use]
    pub fn all_flags(&self) -> Vec<&'static Flag> {
        self.shares.iter().flat_map(|group| group.flags).chain(self.flags).collect()
    }
}

/// How the server is reached and who asks.
pub const HTTP: FlagGroup = FlagGroup {
    title: "HTTP Options",
    flags: &[
        Flag::text("address", "Where the server listens.").variable("VAULT_ADDR").default("https://127.0.0.1:8200"),
        Flag::text("agent-address", "Where an agent listens that is to be asked in the server's place.")
            .variable("VAULT_AGENT_ADDR"),
        Flag::text(
            "ca-cert",
            "PEM file with the certificates to trust instead of the public ones. Wins over VAULT_CACERT_BYTES, which holds \
             them itself, and over -ca-path.",
        )
        .variable("VAULT_CACERT"),
        Flag::text("ca-path", "Directory of PEM files with the certificates to trust.").variable("VAULT_CAPATH"),
        Flag::text("client-cert", "PEM file with the certificate shown to the server; needs -client-key.")
            .variable("VAULT_CLIENT_CERT"),
        Flag::text("client-key", "PEM file with the private key of -client-cert.").variable("VAULT_CLIENT_KEY"),
        Flag::text("tls-server-name", "The name the server's certificate must bear, when it is not the address's.")
            .variable("VAULT_TLS_SERVER_NAME"),
        Flag::bool("tls-skip-verify", "Believe any certificate. Anybody on the way can then read everything.")
            .variable("VAULT_SKIP_VERIFY"),
        Flag::text("namespace", "The namespace the request is for, sent along as a header.")
            .alias("ns")
            .variable("VAULT_NAMESPACE"),
        Flag::pairs("header", "A further header to send, as name=value. May be given more than once."),
        Flag::text("wrap-ttl", "Ask for the answer in a single-use wrapping token that lives this long.")
            .variable("VAULT_WRAP_TTL"),
        Flag::bool("policy-override", "Override soft-mandatory policies, on servers that have such."),
        Flag::list("mfa", "Credentials for a second factor. Not supported.").variable("VAULT_MFA"),
        Flag::text("unlock-key", "The key of a locked namespace. Not supported.").variable("VAULT_UNLOCK_KEY"),
        Flag::bool("disable-redirects", "Do not follow a redirect of the server.").variable("VAULT_DISABLE_REDIRECTS"),
        Flag::bool("non-interactive", "Never ask anything at the terminal.").variable("VAULT_NON_INTERACTIVE"),
        Flag::bool("output-curl-string", "Print the request as a command line for curl, and do not send it."),
        Flag::bool("output-policy", "Print the policy that the request needs, and do not send it."),
    ],
};

/// How an answer is shown.
pub const FORMAT: FlagGroup = FlagGroup {
    title: "Output Options",
    flags: &[Flag::text("format", "How to print the answer: table, json, yaml or pretty.")
        .variable("VAULT_FORMAT")
        .default("table")],
};

/// Printing one field alone.
pub const FIELD: FlagGroup = FlagGroup {
    title: "Output Options",
    flags: &[Flag::text("field", "Print this field alone, raw, ready to be put into a variable.")],
};
