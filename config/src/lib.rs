//! What a person writes: every setting, typed and validated.
//!
//! ```text
//! tributary.yaml --> document (values, the line of each) --> substitution ${env:X} ${file:PATH}
//!                --> raw settings (serde, unknown keys refused) --> validation --> Config
//! ```
//!
//! An error names the file, the line and the key. `tributary.yaml` beside
//! this crate shows every default; `schema.json` is its JSON Schema.

mod config;
mod document;
mod error;
mod secret;
mod settings;
mod source;
mod validate;

pub use config::{Config, NAMES_RESERVED};
pub use document::Document;
pub use error::{Error, Result};
pub use secret::{IdKey, Secret};
pub use settings::{
    AdminSettings, EmbeddedLog, IdentityMode, IdentitySettings, IngestSettings, KafkaLog, KeyPart, LogSettings,
    SurvivorshipRule, SurvivorshipSettings, TableSettings, TraitType, check_keys,
};
pub use source::{
    FileFormat, FileObject, FileSource, HttpSource, RecordType, SendgridSource, Source, WebhookMapping, WebhookSource,
};
