//! Object stores for the jobs: `s3://BUCKET/PATH`, by the crate `object_store`.
//!
//! A crate of its own, because HTTP and TLS would nearly double what a job of one host is built from. A program that calls
//! [`install`] first thing in `main` reads and writes URLs wherever it takes a path.
//!
//! # Settings
//! All of them come from the environment, and none from a config or a URL, so that no secret can reach a log, a plan or
//! `run.json`: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL` (for
//! stores that speak S3), `AWS_ALLOW_HTTP`, a web identity, or the role of the host. A request that fails with 5xx or gets
//! no answer within [`REQUEST`] is tried again, with growing pauses, for [`RETRIES`] at most.

mod bridge;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use datalake_deps::store::{self, ObjectStore, OpenStore};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{ClientConfigKey, RetryConfig};

pub use bridge::Bridge;

/// A request without an answer for so long has none: parts are of some megabytes.
pub const REQUEST: Duration = Duration::from_secs(30);

/// How long one request is tried again.
pub const RETRIES: Duration = Duration::from_mins(3);

/// Gives the program these stores.
pub fn install() {
    store::install(&Stores);
}

struct Stores;

impl OpenStore for Stores {
    fn knows(&self, scheme: &str) -> bool {
        scheme == "s3"
    }

    fn open(&self, scheme: &str, bucket: &str) -> io::Result<Arc<dyn ObjectStore>> {
        let url = format!("{scheme}://{bucket}");
        let store = s3(bucket).map_err(|error| bridge::io_error(&url, &error))?;
        Ok(Arc::new(Bridge::new(Arc::new(store), &url)?))
    }
}

fn s3(bucket: &str) -> object_store::Result<object_store::aws::AmazonS3> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let defaults = [
        (ClientConfigKey::Timeout, format!("{} seconds", REQUEST.as_secs())),
        (ClientConfigKey::ConnectTimeout, "5 seconds".to_owned()),
    ];
    for (key, value) in defaults {
        let key = AmazonS3ConfigKey::Client(key);
        if builder.get_config_value(&key).is_none() {
            builder = builder.with_config(key, value);
        }
    }
    builder
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(RetryConfig {
            retry_timeout: RETRIES,
            max_retries: 20,
            ..RetryConfig::default()
        })
        .build()
}
