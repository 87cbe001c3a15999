//! Which files a table consists of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::config::{FileFormat, TableConfig};
use super::error::LakeError;
use super::model::TableSpec;
use crate::fingerprint::Fingerprint;
use crate::store::{self, Located, Object, ObjectInfo};

/// One file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Where it is.
    pub path: PathBuf,
    /// The same relative to the lake, where it lies below it.
    pub relative: Arc<str>,
    /// How it is read.
    pub format: FileFormat,
    /// Its size.
    pub bytes: u64,
    /// When it was last written, where the file system says so.
    pub modified: Option<SystemTime>,
    /// Hive partitions `key=value` of the folders between the table and the file; `None` is Hive's null.
    pub partitions: Vec<(String, Option<String>)>,
    /// Where it lies in an object store, and the tag that it had there.
    pub(crate) object: Option<(Object, String)>,
}

/// The partition that names a delivery where several partitions are dates.
const RUN_DATE: &str = "run_date";

impl DataFile {
    /// The file from its beginning to its end.
    ///
    /// # Errors
    /// The I/O error, which names the path.
    pub fn open(&self) -> std::io::Result<Box<dyn std::io::Read + Send>> {
        Ok(match &self.object {
            Some((object, tag)) => Box::new(object.stream_of(tag, self.bytes)),
            None => Box::new(fs_err::File::open(&self.path)?),
        })
    }

    /// What tells whether it is the file that an earlier run saw. In an object store its tag does, without reading it.
    ///
    /// # Errors
    /// The I/O error, which names the path.
    pub fn fingerprint(&self) -> std::io::Result<Fingerprint> {
        match &self.object {
            Some((_, tag)) => Ok(Fingerprint::of_tag(self.bytes, tag)),
            None => Fingerprint::of_file(&self.path),
        }
    }

    /// When the file was delivered, where a hive partition says so by a date: `run_date`, else the first that is one.
    #[must_use]
    pub fn delivered(&self) -> Option<jiff::civil::DateTime> {
        let dates = || {
            self.partitions
                .iter()
                .filter_map(|(key, value)| Some((key, value.as_deref()?.trim().parse().ok()?)))
        };
        let run = dates().find(|(key, _)| key.eq_ignore_ascii_case(RUN_DATE));
        run.or_else(|| dates().next()).map(|(_, date)| date)
    }
}

/// Folders deeper than this are taken for a loop of links.
const DEPTH_LIMIT: usize = 64;

/// What a table's single file may end in.
const EXTENSIONS: [&str; 13] = [
    "parquet",
    "csv",
    "csv.gz",
    "csv.zst",
    "json",
    "json.gz",
    "json.zst",
    "ndjson",
    "ndjson.gz",
    "ndjson.zst",
    "jsonl",
    "jsonl.gz",
    "jsonl.zst",
];

/// The files of a table, sorted by path; none if the table is not there, which is an error only where it was
/// required or its path was configured.
///
/// A folder without data files is a table that is not there.
pub(crate) fn discover(
    root: &Path,
    spec: &TableSpec,
    config: &TableConfig,
) -> Result<Vec<DataFile>, LakeError> {
    let walk = Walk { root, spec, config };
    let (candidates, looked) = candidates(root, spec, config);
    let mut found: Vec<(PathBuf, Vec<DataFile>)> = match store::locate(root).map_err(LakeError::Read)? {
        Located::Local(_) => walk.candidates(candidates)?,
        Located::Object(root) => walk.objects(&root)?,
    };
    if found.len() > 1 {
        return Err(LakeError::TableTwice {
            table: spec.name,
            found: found.iter().map(|(path, _)| path.display().to_string()).collect(),
        });
    }
    match found.pop() {
        Some((_, files)) => Ok(files),
        None if spec.required || config.path.is_some() => Err(LakeError::TableMissing {
            table: spec.name,
            looked,
        }),
        None => Ok(Vec::new()),
    }
}

/// The folder of the table that `path` is or lies in, links followed; `None` where it lies in none.
pub(crate) fn folder_around(
    path: &Path,
    root: &Path,
    spec: &TableSpec,
    config: &TableConfig,
) -> Option<PathBuf> {
    let (candidates, _) = candidates(root, spec, config);
    if store::is_remote(path) || store::is_remote(root) {
        return candidates.into_iter().find(|folder| path.starts_with(folder));
    }
    let path = resolved(path);
    candidates
        .into_iter()
        .filter(|folder| folder.is_dir())
        .find(|folder| path.starts_with(resolved(folder)))
}

/// The path with its links followed as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (fs_err::canonicalize(there), absolute.strip_prefix(there)) {
            return real.join(rest);
        }
    }
    absolute
}

/// The paths that may be the table, and what to call them in a message.
fn candidates(root: &Path, spec: &TableSpec, config: &TableConfig) -> (Vec<PathBuf>, Vec<String>) {
    if let Some(path) = &config.path {
        let path = root.join(path);
        return (vec![path.clone()], vec![path.display().to_string()]);
    }
    let folder = root.join(spec.name);
    let looked = vec![
        format!("{}/", folder.display()),
        format!("{}.{{parquet,csv,json,ndjson,jsonl}}[.gz,.zst]", folder.display()),
    ];
    let files = EXTENSIONS
        .iter()
        .map(|ext| root.join(format!("{}.{ext}", spec.name)));
    (std::iter::once(folder).chain(files).collect(), looked)
}

fn metadata_if_there(path: &Path) -> Result<Option<std::fs::Metadata>, LakeError> {
    match fs_err::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LakeError::Read(error)),
    }
}

struct Walk<'a> {
    root: &'a Path,
    spec: &'a TableSpec,
    config: &'a TableConfig,
}

impl Walk<'_> {
    /// The candidates that are there, each with its files.
    fn candidates(&self, candidates: Vec<PathBuf>) -> Result<Vec<(PathBuf, Vec<DataFile>)>, LakeError> {
        let mut found = Vec::new();
        for candidate in candidates {
            let Some(metadata) = metadata_if_there(&candidate)? else {
                continue;
            };
            let mut files = Vec::new();
            if metadata.is_dir() {
                if candidate.join("_delta_log").is_dir() {
                    return Err(self.delta(candidate));
                }
                self.folder(&candidate, &mut Vec::new(), 0, &mut files)?;
                files.sort_by(|a, b| {
                    a.path
                        .as_os_str()
                        .as_encoded_bytes()
                        .cmp(b.path.as_os_str().as_encoded_bytes())
                });
            } else {
                let (bytes, modified) = (metadata.len(), metadata.modified().ok());
                files.push(self.file(candidate.clone(), (bytes, modified), &[])?);
            }
            if !files.is_empty() {
                found.push((candidate, files));
            }
        }
        Ok(found)
    }

    /// The same in an object store: what has the key of a candidate, or lies below it.
    fn objects(&self, root: &Object) -> Result<Vec<(PathBuf, Vec<DataFile>)>, LakeError> {
        let names: Vec<String> = if let Some(path) = &self.config.path {
            vec![path.clone()]
        } else {
            let (folders, files) = root.store().children(root.key()).map_err(LakeError::Read)?;
            let folder = folders.into_iter().filter(|folder| folder == self.spec.name);
            let wanted = EXTENSIONS.map(|ext| format!("{}.{ext}", self.spec.name));
            let files = files.iter().filter_map(|file| file.key.rsplit('/').next());
            let files = files.filter(|name| wanted.iter().any(|wanted| wanted == name));
            folder.chain(files.map(str::to_owned)).collect()
        };
        let mut found = Vec::new();
        for name in names {
            let place = root.join(&name);
            let mut files = Vec::new();
            for info in place.list().map_err(LakeError::Read)? {
                let inner = info.key[place.key().len()..].trim_start_matches('/').to_owned();
                files.extend(self.object(root, &place, &inner, info)?);
            }
            if !files.is_empty() {
                found.push((PathBuf::from(place.url()), files));
            }
        }
        Ok(found)
    }

    /// A file from what the store tells of it; `None` for what no table is made of. `inner` is its path below `place`.
    fn object(
        &self,
        root: &Object,
        place: &Object,
        inner: &str,
        info: ObjectInfo,
    ) -> Result<Option<DataFile>, LakeError> {
        let mut folders: Vec<&str> = inner.split('/').collect();
        if folders[0] == "_delta_log" {
            return Err(self.delta(PathBuf::from(place.url())));
        }
        // An empty object without a format is what some tools call a folder.
        let name = inner.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let is_folder = info.bytes == 0 && format_of(&name).is_none();
        if is_folder || folders.iter().any(|name| name.starts_with(['_', '.'])) {
            return Ok(None);
        }
        folders.pop();
        let partitions: Vec<_> = folders.into_iter().filter_map(parse_partition).collect();
        let path = PathBuf::from(root.url_of(&info.key));
        let file = self.file(path, (info.bytes, info.modified), &partitions)?;
        let object = place.join(inner);
        Ok(Some(DataFile {
            object: Some((object, info.tag)),
            ..file
        }))
    }

    fn delta(&self, folder: PathBuf) -> LakeError {
        LakeError::DeltaTable {
            table: self.spec.name,
            folder,
        }
    }

    fn folder(
        &self,
        folder: &Path,
        partitions: &mut Vec<(String, Option<String>)>,
        depth: usize,
        files: &mut Vec<DataFile>,
    ) -> Result<(), LakeError> {
        if depth > DEPTH_LIMIT {
            let problem = format!("`{}` is nested too deeply: a loop of links?", folder.display());
            return Err(LakeError::Read(std::io::Error::other(problem)));
        }
        for entry in fs_err::read_dir(folder).map_err(LakeError::Read)? {
            let entry = entry.map_err(LakeError::Read)?;
            let name = entry.file_name();
            if matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.')) {
                continue;
            }
            let path = entry.path();
            let metadata = fs_err::metadata(&path).map_err(LakeError::Read)?;
            if metadata.is_dir() {
                let partition = name.to_str().and_then(parse_partition);
                let known = partitions.len();
                partitions.extend(partition);
                self.folder(&path, partitions, depth + 1, files)?;
                partitions.truncate(known);
            } else {
                let of_file = (metadata.len(), metadata.modified().ok());
                files.push(self.file(path, of_file, partitions)?);
            }
        }
        Ok(())
    }

    fn file(
        &self,
        path: PathBuf,
        (bytes, modified): (u64, Option<SystemTime>),
        partitions: &[(String, Option<String>)],
    ) -> Result<DataFile, LakeError> {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().to_ascii_lowercase());
        let format = name.as_deref().and_then(format_of).or(self.config.format);
        let Some(format) = format else {
            return Err(LakeError::FormatUnknown {
                table: self.spec.name,
                file: path,
            });
        };
        let relative = path
            .strip_prefix(self.root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into();
        Ok(DataFile {
            relative,
            format,
            bytes,
            modified,
            partitions: partitions.to_vec(),
            object: None,
            path,
        })
    }
}

/// The format that a lower-case file name ends in.
fn format_of(name: &str) -> Option<FileFormat> {
    let plain = [".gz", ".zst"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let extension = plain.unwrap_or(name).rsplit_once('.')?.1;
    match extension {
        "parquet" if plain.is_none() => Some(FileFormat::Parquet),
        "csv" => Some(FileFormat::Csv),
        "json" | "ndjson" | "jsonl" => Some(FileFormat::Json),
        _ => None,
    }
}

/// `key=value` of a folder's name; Hive escapes characters as `%3A` and calls null by a name.
fn parse_partition(name: &str) -> Option<(String, Option<String>)> {
    let (key, value) = name.split_once('=')?;
    let value = (value != "__HIVE_DEFAULT_PARTITION__").then(|| unescape(value));
    Some((unescape(key), value))
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = code {
            bytes.push(high * 16 + low);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::diagnostic::{Diagnostic, render};
    use crate::lake::model::{DEVICE, SERVICE_POINT};

    fn lake(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        root
    }

    fn names(root: &tempfile::TempDir, config: &TableConfig) -> Vec<String> {
        let files = discover(root.path(), &DEVICE, config).unwrap();
        files.iter().map(|file| file.relative.to_string()).collect()
    }

    /// The message with the folder's changing name taken out.
    fn message(root: &tempfile::TempDir, config: &TableConfig) -> String {
        let error = discover(root.path(), &DEVICE, config).unwrap_err();
        format!("{:?}\n{}", error.exit_code(), render(&error))
            .replace(&root.path().display().to_string(), "LAKE")
    }

    #[test]
    fn a_folder_is_walked_in_path_order_without_hidden_files() {
        let root = lake(&[
            "device/b/part-1.parquet",
            "device/a.csv.gz",
            "device/_SUCCESS",
            "device/.part.crc",
            "device/_temporary/0/part.parquet",
            "device/a/z.JSONL",
            "device/B.snappy.parquet",
        ]);
        assert_eq!(
            names(&root, &TableConfig::default()),
            [
                "device/B.snappy.parquet",
                "device/a.csv.gz",
                "device/a/z.JSONL",
                "device/b/part-1.parquet"
            ]
        );
    }

    #[test]
    fn hive_partitions_are_read_from_the_folders_names() {
        let root = lake(&["device/run=2024-01-01 00%3A00/x/area=__HIVE_DEFAULT_PARTITION__/p.parquet"]);
        let files = discover(root.path(), &DEVICE, &TableConfig::default()).unwrap();
        assert_eq!(
            files[0].partitions,
            [
                ("run".to_owned(), Some("2024-01-01 00:00".to_owned())),
                ("area".to_owned(), None)
            ]
        );
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%ZZ%41"), "%ZZA");
    }

    #[test]
    fn a_partition_that_is_a_date_says_when_a_file_was_delivered() {
        for (folders, expected) in [
            ("run_date=2024-02-01", Some("2024-02-01T00:00:00")),
            ("area=7/load_day=20240201", Some("2024-02-01T00:00:00")),
            ("run=2024-02-01 06%3A30", Some("2024-02-01T06:30:00")),
            ("from=2020-01-01/RUN_DATE=2024-02-01", Some("2024-02-01T00:00:00")),
            ("run_date=latest/area=7", None),
            ("run_date=__HIVE_DEFAULT_PARTITION__", None),
            ("2024-02-01", None),
        ] {
            let root = lake(&[&format!("device/{folders}/p.parquet")]);
            let files = discover(root.path(), &DEVICE, &TableConfig::default()).unwrap();
            let delivered = files[0].delivered().map(|date| date.to_string());
            assert_eq!(delivered.as_deref(), expected, "{folders}");
        }
    }

    #[test]
    fn a_table_may_be_one_file_or_lie_elsewhere() {
        assert_eq!(
            names(&lake(&["device.ndjson.zst"]), &TableConfig::default()),
            ["device.ndjson.zst"]
        );
        let config = TableConfig {
            path: Some("export/D1_DVC".to_owned()),
            format: Some(FileFormat::Csv),
            ..TableConfig::default()
        };
        assert_eq!(
            names(&lake(&["export/D1_DVC/000000_0"]), &config),
            ["export/D1_DVC/000000_0"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let root = lake(&["device/a.parquet"]);
        std::os::unix::fs::symlink(root.path().join("device"), root.path().join("device/again")).unwrap();
        let error = discover(root.path(), &DEVICE, &TableConfig::default()).unwrap_err();
        // Whichever is met first: the limit of the walk, or that of the operating system.
        assert!(matches!(error, LakeError::Read(_)), "{error}");
    }

    #[test]
    fn a_missing_table_says_where_it_was_looked_for() {
        let root = lake(&["device/_SUCCESS"]);
        insta::assert_snapshot!(message(&root, &TableConfig::default()), @r"
        NoInput
        error: the table `device` is missing: looked for `LAKE/device/`, `LAKE/device.{parquet,csv,json,ndjson,jsonl}[.gz,.zst]`
        hint: put the table's files there, or say in the config's `tables.device.path` where they are
        ");
        assert_eq!(
            discover(root.path(), &SERVICE_POINT, &TableConfig::default()).unwrap(),
            []
        );
        let config = TableConfig {
            path: Some("elsewhere".to_owned()),
            ..TableConfig::default()
        };
        insta::assert_snapshot!(message(&root, &config), @r"
        NoInput
        error: the table `device` is missing: looked for `LAKE/elsewhere`
        hint: put the table's files there, or say in the config's `tables.device.path` where they are
        ");
        assert!(discover(root.path(), &SERVICE_POINT, &config).is_err());
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        insta::assert_snapshot!(message(&lake(&["device/a.parquet", "device.csv"]), &TableConfig::default()), @r"
        Config
        error: the table `device` is there more than once: `LAKE/device`, `LAKE/device.csv`
        hint: remove one of them, or choose one by the config's `tables.device.path`
        ");
        insta::assert_snapshot!(message(&lake(&["device/part-00000"]), &TableConfig::default()), @r"
        Config
        error: cannot tell the format of `LAKE/device/part-00000` in the table `device`
        hint: name the file .parquet, .csv, .json, .ndjson or .jsonl (text also with .gz or .zst), set the config's `tables.device.format`, or start the names of files that hold no data with `_` or `.`
        ");
        insta::assert_snapshot!(message(&lake(&["device/_delta_log/0.json", "device/a.parquet"]), &TableConfig::default()), @r"
        Config
        error: the table `device` in `LAKE/device` is a Delta table
        hint: read as plain files it would bring deleted rows back; export it to Parquet first
        ");
    }
}
