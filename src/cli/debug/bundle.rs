//! The file that is handed on: a compressed archive, or a directory. Only its owner can read it.

use crate::cli::Failure;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub struct Bundle {
    path: PathBuf,
    form: Form,
}

enum Form {
    Archive(Box<tar::Builder<GzEncoder<File>>>),
    Directory,
}

impl Bundle {
    pub fn begin(path: &Path, compress: bool) -> Result<Self, Failure> {
        let form = if compress {
            let file = private(path).map_err(|error| failed(path, &error))?;
            Form::Archive(Box::new(tar::Builder::new(GzEncoder::new(file, Compression::default()))))
        } else {
            DirBuilder::new().mode(0o700).create(path).map_err(|error| failed(path, &error))?;
            Form::Directory
        };
        Ok(Self { path: path.to_owned(), form })
    }

    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let inside = Path::new(&self.folder()).join(name);
        let written = match &mut self.form {
            Form::Archive(archive) => {
                let mut header = tar::Header::new_ustar();
                header.set_size(content.len() as u64);
                header.set_mode(0o600);
                header.set_mtime(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0));
                archive.append_data(&mut header, inside, content)
            }
            Form::Directory => private(&self.path.join(name)).and_then(|mut file| file.write_all(content)),
        };
        written.map_err(|error| failed(&self.path, &error))
    }

    pub fn finish(self) -> Result<(), Failure> {
        let Form::Archive(archive) = self.form else { return Ok(()) };
        let written = archive.into_inner().and_then(GzEncoder::finish).and_then(|file| file.sync_all());
        written.map_err(|error| failed(&self.path, &error))
    }

    /// The directory that the archive unpacks to: its name without the endings.
    fn folder(&self) -> String {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.trim_end_matches(".tar.gz").trim_end_matches(".tgz").to_owned()
    }
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::local(format!("could not write {}: {error}", path.display()))
}
