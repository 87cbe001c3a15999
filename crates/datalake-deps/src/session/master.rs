//! Where a job runs.

use std::fmt;
use std::str::FromStr;

use super::SessionError;

pub(super) const MASTER_FORMS: &str = "local, local[N], local[*], spark://HOST:PORT, ballista://HOST:PORT";

/// More threads than this are a slip of the hand.
pub(super) const MAX_THREADS: usize = 1024;

/// Where a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Master {
    /// `local[*]`: here, on all cores that the process may use.
    AllCores,
    /// `local[N]` (or `local`, which is one): here, on so many threads.
    Threads(usize),
    /// The URL of a cluster.
    Cluster(String),
}

impl FromStr for Master {
    type Err = SessionError;

    fn from_str(text: &str) -> Result<Self, SessionError> {
        let error = || SessionError::Master {
            master: text.to_owned(),
        };
        if let Some(address) = ["spark://", "ballista://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
        {
            let (host, port) = address.rsplit_once(':').ok_or_else(error)?;
            let valid = !host.is_empty()
                && !host.contains(['/', '@', ' '])
                && port.parse::<u16>().is_ok_and(|port| port > 0);
            return if valid {
                Ok(Self::Cluster(text.to_owned()))
            } else {
                Err(error())
            };
        }
        let threads = match text {
            "local" => "1",
            _ => text
                .strip_prefix("local[")
                .and_then(|rest| rest.strip_suffix(']'))
                .ok_or_else(error)?,
        };
        match threads.parse() {
            Ok(threads @ 1..=MAX_THREADS) => Ok(Self::Threads(threads)),
            _ if threads == "*" => Ok(Self::AllCores),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllCores => f.write_str("local[*]"),
            Self::Threads(threads) => write!(f, "local[{threads}]"),
            Self::Cluster(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_forms_are_read_and_written_back() {
        let cases = [
            ("local[*]", Master::AllCores),
            ("local[1]", Master::Threads(1)),
            ("local[1024]", Master::Threads(1024)),
            (
                "spark://host:7077",
                Master::Cluster("spark://host:7077".to_owned()),
            ),
            (
                "ballista://[::1]:50050",
                Master::Cluster("ballista://[::1]:50050".to_owned()),
            ),
        ];
        for (text, expected) in cases {
            let master: Master = text.parse().unwrap();
            assert_eq!(master, expected);
            assert_eq!(master.to_string(), text);
        }
        assert_eq!("local".parse::<Master>().unwrap(), Master::Threads(1));
    }

    #[test]
    fn other_texts_are_refused() {
        let texts = [
            "",
            "LOCAL",
            "local[]",
            "local[0]",
            "local[1025]",
            "local[-1]",
            "local[2",
            "local[2]x",
            "yarn",
            "spark://",
            "spark://host",
            "spark://host:0",
            "spark://host:70000",
            "spark://:7077",
            "spark://a/b:1",
            "http://host:1",
        ];
        for text in texts {
            assert!(
                matches!(text.parse::<Master>(), Err(SessionError::Master { .. })),
                "{text}"
            );
        }
    }
}
