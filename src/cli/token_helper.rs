//! Where the token of the person at the terminal is kept between commands: the file `~/.vault-token`, readable by them alone.

use crate::base::{Secret, random};
use crate::cli::{Environment, Failure};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The token to ask with: that of the environment, else the stored one.
pub fn token(environment: &Environment) -> Result<Option<Secret<String>>, Failure> {
    if let Some(token) = environment.variable("VAULT_TOKEN") {
        return Ok(Some(Secret::from(token.trim())));
    }
    let Ok(path) = path(environment) else { return Ok(None) };
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => Ok(Some(Secret::from(text.trim())).filter(|token| !token.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::local(format!("could not read the stored token in {}: {error}", path.display()))),
    }
}

/// Stores a token, in one step: whoever reads sees the old one or the new one.
pub fn store(environment: &Environment, token: &Secret<String>) -> Result<(), Failure> {
    let path = path(environment)?;
    let fresh = path.with_file_name(format!(".vault-token.{}", random::base62(8)?));
    let written = write_private(&fresh, token).and_then(|()| fs::rename(&fresh, &path));
    written.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        Failure::local(format!("could not store the token in {}: {error}", path.display()))
    })
}

fn write_private(path: &Path, token: &Secret<String>) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(token.expose().as_bytes())?;
    file.sync_all()
}

fn path(environment: &Environment) -> Result<PathBuf, Failure> {
    let home = environment.home().ok_or_else(|| Failure::local("HOME is not set: there is nowhere to keep a token"))?;
    Ok(home.join(".vault-token"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_stored_token_is_read_again_and_private() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::from([("HOME", home.path().to_str().unwrap())]);
        assert!(token(&environment).unwrap().is_none());
        store(&environment, &Secret::from("hvs.first")).unwrap();
        store(&environment, &Secret::from("hvs.second")).unwrap();
        assert_eq!(token(&environment).unwrap().unwrap().expose(), "hvs.second");
        let file = home.path().join(".vault-token");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn the_environments_token_wins() {
        let home = tempfile::tempdir().unwrap();
        let environment =
            Environment::from([("HOME", home.path().to_str().unwrap()), ("VAULT_TOKEN", "from-environment")]);
        store(&environment, &Secret::from("stored")).unwrap();
        assert_eq!(token(&environment).unwrap().unwrap().expose(), "from-environment");
    }
}
