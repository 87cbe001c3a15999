//! The lake: its tables by name, read whole.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::batch::{Canonicalizer, SourceBatch, TableBatch};
use super::clock::Clocks;
use super::columns::TablePlan;
use super::config::{FileFormat, LakeConfig, TableConfig};
use super::csv_file::CsvFile;
use super::discover::{DataFile, discover, folder_around};
use super::error::LakeError;
use super::json_file::JsonFile;
use super::measurement_file::MeasurementFiles;
use super::measurements::{MeasurementScan, ScanOptions};
use super::model::{self, TableSpec};
use super::parquet_file::ParquetFile;
use super::reject::RejectedRow;
use crate::publish;
use crate::store::{self, Located};

/// Rows of a batch, where nobody says otherwise: larger batches leave the processor's caches.
pub const BATCH_ROWS: usize = 8_192;

/// A lake: a folder with tables, and the config that says how they look.
#[derive(Debug, Clone)]
pub struct Lake {
    root: PathBuf,
    config: LakeConfig,
    clocks: Clocks,
}

/// A whole table in memory.
#[derive(Debug, Clone)]
pub struct TableData {
    /// Canonical rows in [`TableSpec::schema`], file by file in path order; none if an optional table is not there.
    pub batches: Vec<FileBatch>,
    /// What could not be read, by file and row.
    pub rejected: Vec<RejectedRow>,
    /// The rejected rows as far as their other columns could be read, each batch with the position of its file; cells
    /// that are wrong hold anything. Rows that are in `rejected` only could not be cut into columns.
    pub unreadable: Vec<(usize, RecordBatch)>,
    /// Rows in the files: those in `batches` and those `rejected`.
    pub rows_read: u64,
    /// The files.
    pub files: Vec<DataFile>,
}

/// A batch and where it is from.
#[derive(Debug, Clone)]
pub struct FileBatch {
    /// Position in [`TableData::files`].
    pub file: usize,
    /// The rows; what was rejected is in [`TableData::rejected`].
    pub table: TableBatch,
}

impl Lake {
    /// A lake in the folder `root`; an error if the folder is not there or the config names unknown tables or zones.
    pub fn open(root: impl Into<PathBuf>, config: LakeConfig) -> Result<Self, LakeError> {
        let root = root.into();
        store::check(&root).map_err(|error| LakeError::Config {
            key: "lake".to_owned(),
            problem: error.to_string(),
            hint: error.hint(),
        })?;
        // From here on a `file://` is its path.
        let root = match store::locate(&root).map_err(LakeError::Read)? {
            Located::Local(path) => {
                fs_err::read_dir(&*path).map_err(LakeError::Read)?;
                path.into_owned()
            }
            // What a job published is read where its `current.json` leads; on a local disk links do that.
            Located::Object(object) => {
                let current =
                    publish::current_of(&object, model::MEASUREMENTS.name).map_err(LakeError::Read)?;
                PathBuf::from(current.unwrap_or(object).url())
            }
        };
        let is_remote = store::is_remote(&root);
        let clocks = Clocks::new(&config)?;
        for name in config.tables.keys() {
            if model::table(name).is_none() {
                let names: Vec<&str> = model::TABLES.iter().map(|spec| spec.name).collect();
                return Err(LakeError::Config {
                    key: format!("tables.{name}"),
                    problem: "there is no such table".to_owned(),
                    hint: format!("the tables are {}", names.join(", ")),
                });
            }
        }
        let outside = |path: &str| path.starts_with('/') || path.contains("://");
        for (name, table) in &config.tables {
            if let Some(path) = table.path.as_deref().filter(|path| is_remote && outside(path)) {
                return Err(LakeError::Config {
                    key: format!("tables.{name}.path"),
                    problem: format!("`{path}` does not lie below the lake"),
                    hint: "in an object store give a path below the lake".to_owned(),
                });
            }
        }
        let lake = Self { root, config, clocks };
        // Whatever is wrong with the config of a table shows before any table is read.
        for spec in model::TABLES {
            lake.plan(spec, |_| true, false, BATCH_ROWS)?;
        }
        Ok(lake)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The clocks that canonical timestamps are on.
    #[must_use]
    pub fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// The files of a table, by path; none if an optional table is not there.
    pub fn files(&self, spec: &'static TableSpec) -> Result<Vec<DataFile>, LakeError> {
        let fallback = TableConfig::default();
        let table = self.config.tables.get(spec.name).unwrap_or(&fallback);
        discover(&self.root, spec, table)
    }

    /// The table whose folder `path` is or lies in, and that folder: what is written there would be read as the table.
    #[must_use]
    pub fn table_around(&self, path: &Path) -> Option<(&'static str, PathBuf)> {
        let fallback = TableConfig::default();
        model::TABLES.iter().find_map(|spec| {
            let table = self.config.tables.get(spec.name).unwrap_or(&fallback);
            Some((spec.name, folder_around(path, &self.root, spec, table)?))
        })
    }

    /// Reads a whole table with all its canonical columns; a column that a file lacks is null in its batches.
    ///
    /// An optional table that is not there, or has no rows, yields no batches; a required one is an error.
    pub fn read_table(&self, spec: &'static TableSpec) -> Result<TableData, LakeError> {
        let plan = self.plan(spec, |_| true, false, BATCH_ROWS)?;
        let files = self.files(spec)?;
        let per_file: Vec<Vec<TableBatch>> = files
            .par_iter()
            .map(|file| read_file(&plan, file))
            .collect::<Result<_, LakeError>>()?;
        let mut data = TableData {
            batches: Vec::new(),
            rejected: Vec::new(),
            unreadable: Vec::new(),
            rows_read: 0,
            files,
        };
        for (file, batches) in per_file.into_iter().enumerate() {
            for mut table in batches {
                data.rows_read += (table.batch.num_rows() + table.rejected.len()) as u64;
                data.rejected.append(&mut table.rejected);
                data.unreadable
                    .extend(table.unreadable.take().map(|rows| (file, rows)));
                if table.batch.num_rows() > 0 {
                    data.batches.push(FileBatch { file, table });
                }
            }
        }
        if data.rows_read == 0
            && spec.required
            && let Some(first) = data.files.first()
        {
            return Err(LakeError::TableEmpty {
                table: spec.name,
                files: data.files.len(),
                first: first.path.clone(),
            });
        }
        Ok(data)
    }

    /// Plans the reading of the measurements: footers are read now, rows later.
    pub fn plan_measurements(&self, options: &ScanOptions) -> Result<MeasurementScan, LakeError> {
        let spec = &model::MEASUREMENTS;
        if let Some(unknown) = options.columns.iter().find(|name| spec.column(name).is_none()) {
            return Err(LakeError::Config {
                key: format!("tables.{}.columns", spec.name),
                problem: format!("`{unknown}` is no canonical column"),
                hint: "ask for columns of the data model".to_owned(),
            });
        }
        let wanted = |name: &str| options.columns.contains(&name);
        let plan = self.plan(spec, wanted, true, options.batch_rows)?;
        MeasurementScan::plan(plan, self.files(spec)?)
    }

    /// How measurements are written for the config of this lake to read them back.
    pub fn measurement_files(&self) -> Result<MeasurementFiles, LakeError> {
        let plan = self.plan(&model::MEASUREMENTS, |_| true, true, BATCH_ROWS)?;
        MeasurementFiles::new(&plan)
    }

    /// Where a table is looked for, where the config says so.
    #[must_use]
    pub fn configured_path(&self, spec: &TableSpec) -> Option<&str> {
        self.config.tables.get(spec.name)?.path.as_deref()
    }

    fn plan(
        &self,
        spec: &'static TableSpec,
        wanted: impl Fn(&str) -> bool,
        dictionary: bool,
        batch_rows: usize,
    ) -> Result<TablePlan, LakeError> {
        TablePlan::new(spec, &self.config, &self.clocks, wanted, dictionary, batch_rows)
    }
}

fn read_file(plan: &TablePlan, file: &DataFile) -> Result<Vec<TableBatch>, LakeError> {
    let mut batches = Vec::new();
    let mut canonicalizer = Canonicalizer::new(plan, file.relative.clone()).keep_unreadable();
    let mut keep = |source: SourceBatch| -> Result<(), LakeError> {
        batches.push(canonicalizer.convert(source, &file.path)?);
        Ok(())
    };
    match file.format {
        FileFormat::Parquet => {
            let parquet = ParquetFile::open(plan, file)?;
            for row_group in 0..parquet.row_groups.len() {
                parquet.read(plan, file, row_group, &mut keep)?;
            }
        }
        FileFormat::Csv | FileFormat::Json => read_text(plan, file, keep)?,
    }
    Ok(batches)
}

/// Reads a text file, batch after batch.
pub(crate) fn read_text<E: From<LakeError>>(
    plan: &TablePlan,
    file: &DataFile,
    mut visit: impl FnMut(SourceBatch) -> Result<(), E>,
) -> Result<(), E> {
    if file.format == FileFormat::Json {
        let mut json = JsonFile::open(plan, file)?;
        while let Some(batch) = json.next_batch()? {
            visit(batch)?;
        }
    } else if let Some(mut csv) = CsvFile::open(plan, file)? {
        while let Some(batch) = csv.next_batch()? {
            visit(batch)?;
        }
    }
    Ok(())
}
