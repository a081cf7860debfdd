//! Tests of reading, validating and printing a configuration.

use super::*;
use crate::KeyPart;

const EXAMPLE: &str = include_str!("../tributary.yaml");

fn wrong(text: &str) -> String {
    Config::parse(text, "t.yaml").expect_err(text).to_string()
}

#[test]
fn every_default_is_shown() {
    assert_eq!(Config::parse(EXAMPLE, "tributary.yaml").unwrap(), Config::default());
    assert_eq!(Config::parse("", "empty.yaml").unwrap(), Config::default());
    assert_eq!(Config::parse("# nothing\n", "empty.yaml").unwrap(), Config::default());
}

#[test]
fn commented_examples_are_valid() {
    let start = EXAMPLE.find("  # - name: crm").unwrap();
    let end = EXAMPLE.find("# Where accepted").unwrap();
    let mut yaml = String::from("sources:\n");
    for line in EXAMPLE[start..end].lines() {
        if let Some(rest) = line.strip_prefix("  # ").filter(|rest| rest.starts_with("- ") || rest.starts_with("  ")) {
            yaml.extend(["  ", &rest.replace("${env:SURVEY_SECRET}", "whsec_MTIz"), "\n"]);
        }
    }
    let config = Config::parse(&yaml, "examples.yaml").unwrap();
    assert_eq!(
        config.sources.iter().map(Source::type_name).collect::<Vec<_>>(),
        ["file", "file", "sendgrid", "webhook"]
    );
}

#[test]
fn schema_is_fresh() {
    let fresh = format!("{}\n", serde_json::to_string_pretty(&Config::json_schema()).unwrap());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json");
    if std::env::var_os("TRIBUTARY_UPDATE").is_some() {
        std::fs::write(path, &fresh).unwrap();
    }
    let advice = "run the test with TRIBUTARY_UPDATE=1 to write it";
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), fresh, "{advice}");
}

#[test]
fn smallest_files_are_read() {
    let web = Config::parse("sources: [{name: web, type: http, write_key: wk}]", "t").unwrap();
    let Source::Http(http) = &web.sources[0] else { panic!("not http") };
    assert_eq!(http.write_key.as_ref().unwrap().expose(), "wk");

    let crm = "sources: [{name: crm, type: file, path: /x/My Contacts.csv, record: identify, key: Id, \
               identifiers: {email: Email}, traits: {first_name: First Name}}]";
    let crm = Config::parse(crm, "t").unwrap();
    let Source::File(file) = &crm.sources[0] else { panic!("not a file") };
    assert_eq!((file.stream.as_str(), file.format, file.delimiter), ("my_contacts", Some(FileFormat::Csv), ','));

    let line = "sources: [{name: crm, type: file, path: contacts.csv, record: identify, key: Id, \
                identifiers: {email: Email}, traits: {first_name: First Name, email: Email, city: City}, \
                stream: people, timestamp: Updated At}]";
    let line = Config::parse(line, "t").unwrap();
    let Source::File(file) = &line.sources[0] else { panic!("not a file") };
    assert_eq!((file.stream.as_str(), file.timestamp.as_deref()), ("people", Some("Updated At")));

    let kafka = Config::parse("log: {type: kafka, brokers: \"a:1,b:2\"}", "t").unwrap();
    let LogSettings::Kafka(log) = kafka.log else { panic!("not Kafka") };
    assert_eq!((log.topic.as_str(), log.partitions), ("tributary", 4));
}

#[test]
fn blocking_keys_are_read_and_wrong_ones_named() {
    let keys = Config::parse("identity: {keys: [[email], [family_name, birth_date.year]]}", "t").unwrap().identity.keys;
    assert_eq!(keys, Some(vec![vec![KeyPart::Email], vec![KeyPart::FamilyName, KeyPart::BirthDateYear]]));
    for (text, expected) in [
        (
            "identity:\n  keys:\n  - [email]\n  - [name, birthday]",
            "t.yaml:4: identity.keys[1][1]: unknown variant `birthday`, expected one of `name`, `given_name`",
        ),
        ("identity: {keys: []}", "t.yaml:1: identity.keys: no key"),
        (
            "identity:\n  keys:\n  - [email]\n  - [name, email, phone]",
            "t.yaml:4: identity.keys[1]: a key of 3 parts: give 1 to 2",
        ),
        (
            "identity: {keys: [email]}",
            "t.yaml:1: identity.keys[0]: invalid type: string \"email\", expected a sequence",
        ),
    ] {
        let error = wrong(text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn errors_name_file_line_and_key() {
    let cases = [
        ("version: 1\nsorces: []", "t.yaml:2: sorces: unknown field `sorces`"),
        ("version: 2", "t.yaml:1: version: 2 is not"),
        ("ingest:\n  lissen: 1", "t.yaml:2: ingest.lissen: unknown field"),
        ("ingest:\n  listen: here", "t.yaml:2: ingest.listen: invalid socket address"),
        ("sources:\n- name: web\n  type: http\n  wirte_key: x", "t.yaml:4: sources[0].wirte_key: unknown field"),
        ("sources:\n- name: web\n  type: ftp", "t.yaml:3: sources[0].type: unknown type `ftp`"),
        ("sources:\n- name: web", "t.yaml:2: sources[0]: missing field `type`"),
        ("sources: [{name: email, type: http}]", "sources[0].name: \"email\" is a kind"),
        ("sources: [{name: Web, type: http}]", "sources[0].name: \"Web\" is not of the form"),
        ("sources: [{name: m, type: sendgrid}]", "sources[0]: missing field `public_key`"),
        ("sources: [{name: m, type: webhook, record: identify}]", "sources[0].secret: needed"),
        ("sources: [{name: m, type: webhook, record: track, secret: x}]", "sources[0].event: needed"),
        (
            "sources:\n- {name: m, type: sendgrid, public_key: k, path: \"/a?b=1\"}",
            "t.yaml:2: sources[0].path: holds what no path of a URL does",
        ),
        ("log:\n  type: embedded\n  partitions: 0", "t.yaml:3: log.partitions: not between"),
        (
            "sources: [{name: m, type: webhook, record: identify, secret: x, message_id: id}]",
            "sources[0].message_id: no JSON pointer",
        ),
        ("identity: {blocked_values: {Mail: [x]}}", "identity.blocked_values.Mail: \"Mail\" is not of the form"),
        ("log: {type: kafka}", "log: missing field `brokers`"),
        ("admin:\n  listen: 0.0.0.0:1", "t.yaml:2: admin.listen: beyond loopback"),
        ("data_dir: \"\"", "t.yaml:1: data_dir: empty"),
        (
            "sources: [{name: a, type: file, path: a.csv, record: identify, key: \"\"}]",
            "t.yaml:1: sources[0].key: empty",
        ),
        ("identity:\n  id_key: 12zz", "t.yaml:2: identity.id_key: not 32 hexadecimal"),
        ("traits:\n  age: number", "t.yaml:2: traits.age: unknown variant `number`"),
        (
            "survivorship: {traits: {city: {source_priority: [crm]}}}",
            "survivorship.traits.city: there is no source \"crm\"",
        ),
        ("a: 1\na: 2", "t.yaml:2: not readable as YAML: key \"a\" is given twice"),
        ("a: [1", "not readable as YAML"),
        ("- 1", "t.yaml:1: .: not a mapping"),
        ("ingest: [1]", "t.yaml:1: ingest: not a mapping"),
        (
            "data_dir: ${env:TRIBUTARY_NOT_SET}",
            "t.yaml:1: data_dir: the environment variable TRIBUTARY_NOT_SET is not set",
        ),
        ("data_dir: ${file:/nowhere/x}", "data_dir: read the file /nowhere/x"),
        ("data_dir: ${secret}", "is neither"),
    ];
    for (text, expected) in cases {
        let error = wrong(text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn errors_of_a_file_source_name_its_key() {
    let file = "{name: a, type: file, path: a.csv, record: identify, key: Id";
    for (text, expected) in [
        (format!("sources: [{file}, event: E}}]"), "sources[0].event: only for `record: track`"),
        (format!("sources: [{file}, object: {{type: deals}}}}]"), "sources[0].object: only for `record: object`"),
        (
            format!("sources: [{file}, identifiers: {{Email: E}}}}]"),
            "sources[0].identifiers.Email: \"Email\" is not of",
        ),
        (
            format!("sources: [{file}, identifiers: {{a: E}}}}]"),
            "sources[0].identifiers.a: \"a\" is the name of a source",
        ),
        (format!("sources: [{file}, identifiers: {{\"a:b:c\": E}}}}]"), "is not of the form"),
        (format!("sources: [{file}, columns: 1}}]"), "sources[0].columns: unknown field"),
        (format!("sources: [{file}, record: track}}]"), "given twice"),
        (format!("sources: [{file}, format: xml}}]"), "sources[0].format: unknown variant `xml`"),
    ] {
        let error = wrong(&text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn what_two_sources_share_is_refused() {
    for (text, expected) in [
        (
            "sources:\n- {name: w, type: http}\n- {name: w, type: http}",
            "t.yaml:3: sources[1].name: \"w\" is the name of two",
        ),
        (
            "sources:\n- {name: a, type: http, write_key: k}\n- {name: b, type: http, write_key: k}",
            "t.yaml:3: sources[1].write_key: the write key of two sources",
        ),
        (
            "sources:\n- {name: a, type: sendgrid, public_key: k, path: /a}\n\
             - {name: b, type: sendgrid, public_key: k, path: /a/}",
            "t.yaml:3: sources[1].path: /a/ is the path of two sources",
        ),
    ] {
        let error = wrong(text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_mark_of_the_byte_order_is_no_part_of_a_key() {
    assert_eq!(Config::parse("\u{feff}data_dir: /tmp/x", "t").unwrap().data_dir, PathBuf::from("/tmp/x"));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(wrong(&format!("a: {}1{}", "[".repeat(100), "]".repeat(100))).contains("deeper than"));
}

#[test]
fn references_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "s3cret\n").unwrap();
    let path = folder.path().join("t.yaml");
    std::fs::write(
        &path,
        "sources: [{name: web, type: http, write_key: \"${file:key}\"}]\ndata_dir: ${env:CARGO_PKG_NAME}/x",
    )
    .unwrap();
    let config = Config::load(&path).unwrap();
    let Source::Http(http) = &config.sources[0] else { panic!("not http") };
    assert_eq!(http.write_key.as_ref().unwrap().expose(), "s3cret");
    assert_eq!(config.data_dir, PathBuf::from("tributary-config/x"));
    assert!(Config::load(&folder.path().join("none.yaml")).unwrap_err().to_string().starts_with("read configuration"));
}

#[test]
fn secrets_never_print() {
    let text = "sources:\n- {name: web, type: http, write_key: TOPSECRET}\n\
                - {name: s, type: webhook, record: identify, secret: whsec_TOPSECRET}\n\
                admin: {token: TOPSECRET}\nidentity: {id_key: 0123456789abcdef0123456789abcdef}\n\
                log: {type: kafka, brokers: b, properties: {sasl.password: TOPSECRET}}";
    let config = Config::parse(text, "t").unwrap();
    let printed = format!(
        "{config:?}{config:#?}{}{}",
        serde_json::to_string(&config).unwrap(),
        config.admin.token.clone().unwrap()
    );
    assert!(!printed.contains("TOPSECRET") && !printed.contains("89abcdef"), "{printed}");
    assert!(!printed.contains("[1, 35"), "{printed}");
}
