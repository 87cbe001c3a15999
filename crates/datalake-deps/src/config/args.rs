//! Flags that change or show the config.

use std::str::FromStr;

use super::{ConfigError, KeyPath};
use crate::env_vars;

/// Config flags of every job.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Config")]
pub struct ConfigArgs {
    /// Set one config key, for instance `--set rules.sustained_drop.max_ratio=0.5`; repeatable.
    ///
    /// The value is read as JSON where the key's default is not a text. In the environment the same is written
    /// `DATALAKE__RULES__SUSTAINED_DROP__MAX_RATIO=0.5`.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub set: Vec<Assignment>,
    /// Print the resolved config with the origin of every value, and end.
    #[arg(long, global = true, env = env_vars::PRINT_CONFIG, value_parser = clap::builder::FalseyValueParser::new())]
    pub print_config: bool,
}

/// One `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The key.
    pub path: KeyPath,
    /// The value as it was written.
    pub text: String,
    /// The flag that it came by: `--set`, or one of the job's own that stands for a key.
    pub flag: &'static str,
}

impl FromStr for Assignment {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (path, rest) = KeyPath::parse_prefix(text)?;
        match rest.strip_prefix('=') {
            Some(value) => Ok(Self {
                path,
                text: value.to_owned(),
                flag: "--set",
            }),
            None => Err(ConfigError::assignment(
                text,
                "an `=` is missing after the key".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_equals_sign_outside_quotes_divides() {
        let assignment: Assignment = "a.\"b=c\"=d=e".parse().unwrap();
        assert_eq!(assignment.path.keys(), ["a", "b=c"]);
        assert_eq!(assignment.text, "d=e");
        assert_eq!("a=".parse::<Assignment>().unwrap().text, "");
    }

    #[test]
    fn errors_do_not_show_the_value() {
        for text in ["=hunter2", "a", "a..b=hunter2", "\"a\"x=hunter2"] {
            let error = text.parse::<Assignment>().unwrap_err();
            assert!(!crate::diagnostic::render(&error).contains("hunter2"), "{text}");
        }
    }
}
