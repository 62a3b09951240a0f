//! Commands that people know from elsewhere and that are not here: each with the reason, and with what to do instead, so that
//! nobody looks for a slip of the finger.

/// The first words of a command → why it is not here.
const ABSENT: &[(&str, &str)] = &[
    ("agent", "there is no agent. Programs ask the server themselves."),
    ("events", "the server sends no events. Audit devices tell what happens: see \"audit -h\"."),
    ("hcp", "there is no hosted service."),
    ("license", "no licence is needed."),
    ("namespace", "there are no namespaces. Mount paths and policies keep teams apart."),
    (
        "operator diagnose",
        "a server says at its start what is wrong with its configuration. See \"debug -h\" for a running one.",
    ),
    ("operator migrate", "there is one storage to run on, and nothing to move from."),
    ("operator raft", "there is no Raft: all state is in one SQLite file, and one server has it."),
    ("operator utilization", "nothing is reported to anybody."),
    ("pki", "what an engine offers is used by its paths: see \"read -h\", \"write -h\" and \"path-help -h\"."),
    ("plugin deregister", "all plug-ins are built in."),
    ("plugin register", "all plug-ins are built in: none can be added."),
    ("plugin reload", "all plug-ins are built in: there is nothing to load again."),
    ("plugin runtime", "all plug-ins are built in: they run in no container."),
    ("proxy", "there is no proxy. Programs ask the server themselves."),
    ("ssh", "what an engine offers is used by its paths: see \"read -h\", \"write -h\" and \"path-help -h\"."),
    ("transform", "what an engine offers is used by its paths: see \"read -h\", \"write -h\" and \"path-help -h\"."),
    ("transit", "what an engine offers is used by its paths: see \"read -h\", \"write -h\" and \"path-help -h\"."),
];

/// Why a command that was asked for is not here.
#[must_use]
pub fn why(words: &[String]) -> Option<(&'static str, &'static str)> {
    let named: Vec<&str> = words.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    let begins = |name: &str| name.split(' ').zip(&named).filter(|(known, word)| known == *word).count();
    ABSENT.iter().copied().find(|(name, _)| begins(name) == name.split(' ').count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table;

    #[test]
    fn what_is_absent_says_why_and_is_not_in_the_table() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(why(&words("operator raft list-peers")).unwrap().0, "operator raft");
        assert_eq!(why(&words("namespace")).unwrap().0, "namespace");
        assert!(why(&words("operator")).is_none() && why(&words("read pki")).is_none());
        for (name, reason) in ABSENT {
            assert!(reason.ends_with('.'), "{name}");
            assert!(table::COMMANDS.iter().all(|command| command.name != *name), "{name} is there");
            assert!(table::GROUPS.iter().all(|group| group.name != *name), "{name} is there");
        }
    }
}
