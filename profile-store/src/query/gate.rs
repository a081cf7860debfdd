//! The gate that SQL from people passes: exactly one read-only SELECT, over
//! the tables of the allow-list, without table functions.
//!
//! The gate works on the parsed statement, and that same statement is planned,
//! so text cannot mean one thing here and another to the planner. DataFusion
//! is no authorization boundary: a session has nothing but our tables
//! registered, and its own switches are off as well.

use super::error::{Error, Result};
use datafusion::sql::sqlparser::{
    ast::{
        DataType, Expr, Function, ObjectName, ObjectNamePart, Query, Select, SetExpr, Statement, TableFactor, Visit,
        Visitor,
    },
    dialect::GenericDialect,
    keywords::Keyword,
    parser::Parser,
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};
use std::{collections::BTreeSet, ops::ControlFlow};

/// The tables a query may read: those that are stored, and relations of profiles.
pub const TABLES: [&str; 8] =
    ["accounts", "events", "failed_events", "households", "identities", "objects", "profile_changes", "profiles"];

/// Longest text of a query, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of an expression, which the planner walks by recursion.
const EXPRESSION_DEPTH_MAX: usize = 256;
/// Most SELECTs that UNION, INTERSECT and EXCEPT combine, which the planner walks by recursion.
const SET_OPERATIONS_MAX: usize = 100;
/// Deepest nesting that the parser follows.
const PARSER_DEPTH_MAX: usize = 64;
/// Most tokens that the parser may read, which takes about a second.
const PARSE_STEPS_MAX: u128 = 1 << 24;
/// Longest text that `lpad` and `rpad` may make: the memory pool does not see it.
const PAD_MAX: u64 = 10_000;
/// Functions that make values of any size out of nothing, past the memory
/// pool, or that tell where files lie.
pub(super) const FUNCTIONS_DENIED: [&str; 9] = [
    "array_repeat",
    "array_resize",
    "generate_series",
    "input_file_name",
    "list_repeat",
    "list_resize",
    "range",
    "repeat",
    "gen_series",
];

/// A statement that passed the gate.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The statement to plan.
    pub(crate) statement: Statement,
    /// The tables it names.
    pub(crate) tables: BTreeSet<&'static str>,
}

/// Parses `sql` and admits it, or says why not.
pub(crate) fn admit(sql: &str) -> Result<Admitted> {
    if sql.len() > TEXT_BYTES_MAX {
        return Err(Error::refused(format!("the text is longer than {TEXT_BYTES_MAX} bytes")));
    }
    let mut statements = parse(sql)?;
    if statements.len() != 1 {
        return Err(Error::refused(format!("expected exactly one statement, found {}", statements.len())));
    }
    let statement = statements.remove(0);
    if !matches!(statement, Statement::Query(_)) {
        return Err(Error::refused("only SELECT is allowed"));
    }
    let mut walk = Walk::default();
    if let ControlFlow::Break(reason) = statement.visit(&mut walk) {
        return Err(Error::refused(reason));
    }
    let mut tables = BTreeSet::new();
    for name in &walk.relations {
        match TABLES.iter().find(|table| *table == name) {
            Some(table) => _ = tables.insert(*table),
            None if walk.ctes.contains(name) => {}
            None => return Err(Error::refused(format!("no table {name:?}; there are {}", TABLES.join(", ")))),
        }
    }
    Ok(Admitted { statement, tables })
}

fn parse(sql: &str) -> Result<Vec<Statement>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| Error::refused(error.to_string()))?;
    if parse_steps(&tokens) > PARSE_STEPS_MAX {
        return Err(Error::refused("the text is nested too deep for its length"));
    }
    let parser = Parser::new(&GenericDialect {}).with_recursion_limit(PARSER_DEPTH_MAX);
    let statements = parser.with_tokens_with_locations(tokens).parse_statements();
    statements.map_err(|error| Error::refused(error.to_string()))
}

/// A bound of the parser's work, in tokens read: it tries several readings of
/// most things in brackets, so that a mistake inside is found twice as late
/// per bracket around it. Nothing can stop a parser at work.
fn parse_steps(tokens: &[TokenWithSpan]) -> u128 {
    let (mut open, mut depth, mut deepest, mut intervals) = (Vec::new(), 0_u32, 0_u32, 0_u32);
    let mut previous: Option<Keyword> = None;
    for token in tokens.iter().map(|token| &token.token) {
        match token {
            Token::Whitespace(_) => continue,
            // POSITION has five readings.
            Token::LParen | Token::LBracket | Token::LBrace => {
                let weight = if previous == Some(Keyword::POSITION) { 3 } else { 1 };
                open.push(weight);
                depth += weight;
            }
            Token::RParen | Token::RBracket | Token::RBrace => depth -= open.pop().unwrap_or(0),
            Token::Word(word) if word.keyword == Keyword::INTERVAL => intervals += 1,
            Token::Number(..) | Token::SingleQuotedString(_) => intervals = 0,
            _ => {}
        }
        previous = if let Token::Word(word) = token { Some(word.keyword) } else { None };
        deepest = deepest.max(depth + intervals);
    }
    (tokens.len() as u128) << deepest.min(64)
}

/// What the walk over the statement gathers; it breaks with a reason to refuse.
#[derive(Default)]
struct Walk {
    relations: BTreeSet<String>,
    ctes: BTreeSet<String>,
    expression_depth: usize,
}

impl Visitor for Walk {
    type Break = String;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<String> {
        refuse_if(!matches!(statement, Statement::Query(_)), "only SELECT is allowed")
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        if let Some(with) = &query.with {
            refuse_if(with.recursive, "WITH RECURSIVE is not allowed")?;
            self.ctes.extend(with.cte_tables.iter().map(|cte| folded(&cte.alias.name)));
        }
        refuse_if(!query.locks.is_empty(), "FOR UPDATE and FOR SHARE are not allowed")?;
        let extras = query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some();
        refuse_if(extras || !query.pipe_operators.is_empty(), "FOR, SETTINGS, FORMAT and |> are not allowed")?;
        check_body(&query.body, 0)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        refuse_if(select.into.is_some(), "SELECT INTO is not allowed")?;
        refuse_if(!select.lateral_views.is_empty(), "LATERAL VIEW is not allowed")
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table { name, args, version, sample, json_path, .. } => {
                refuse_if(args.is_some(), format!("the table function {name} is not allowed"))?;
                let extras = version.is_some() || sample.is_some() || json_path.is_some();
                refuse_if(extras, "table versions, samples and paths are not allowed")
            }
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            other => ControlFlow::Break(format!("{other} is not allowed in FROM")),
        }
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<String> {
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else {
            return ControlFlow::Break(format!("the qualified table name {name} is not allowed"));
        };
        self.relations.insert(folded(ident));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        self.expression_depth += 1;
        let too_deep = self.expression_depth > EXPRESSION_DEPTH_MAX;
        refuse_if(too_deep, format!("an expression is nested deeper than {EXPRESSION_DEPTH_MAX}"))?;
        match expr {
            Expr::Function(function) => check_function(function),
            Expr::Cast { data_type, .. } | Expr::Convert { data_type: Some(data_type), .. } => check_type(data_type),
            Expr::TypedString(typed) => check_type(&typed.data_type),
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<String> {
        self.expression_depth -= 1;
        ControlFlow::Continue(())
    }
}

fn refuse_if(condition: bool, reason: impl Into<String>) -> ControlFlow<String> {
    if condition { ControlFlow::Break(reason.into()) } else { ControlFlow::Continue(()) }
}

/// Folds an identifier as the planner does: lower case unless quoted.
fn folded(ident: &datafusion::sql::sqlparser::ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn check_body(body: &SetExpr, depth: usize) -> ControlFlow<String> {
    refuse_if(depth > SET_OPERATIONS_MAX, format!("more than {SET_OPERATIONS_MAX} set operations"))?;
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
        SetExpr::SetOperation { left, right, .. } => {
            check_body(left, depth + 1)?;
            check_body(right, depth + 1)
        }
        _ => ControlFlow::Break("only SELECT is allowed".to_owned()),
    }
}

/// Types nest without any expression, and so past the depth of expressions.
fn check_type(data_type: &DataType) -> ControlFlow<String> {
    let nests = |kind: &DataType| {
        use DataType::{Array, LowCardinality, Map, Nested, Nullable, Struct, Tuple, Union};
        matches!(
            kind,
            Array(_) | LowCardinality(_) | Map(..) | Nested(_) | Nullable(_) | Struct(..) | Tuple(_) | Union(_)
        )
    };
    refuse_if(nests(data_type), "casts to nested types are not allowed")
}

fn check_function(function: &Function) -> ControlFlow<String> {
    let last = function.name.0.last().and_then(ObjectNamePart::as_ident);
    let name = last.map(|ident| ident.value.to_lowercase()).unwrap_or_default();
    let denied = FUNCTIONS_DENIED.contains(&name.as_str());
    refuse_if(denied, format!("the function {name} is not allowed"))?;
    let unbounded_pad = matches!(name.as_str(), "lpad" | "rpad") && !pads_little(function);
    refuse_if(unbounded_pad, format!("{name} needs a literal length up to {PAD_MAX}"))
}

fn pads_little(function: &Function) -> bool {
    use datafusion::sql::sqlparser::ast::{FunctionArg, FunctionArgExpr, FunctionArguments, Value};
    let FunctionArguments::List(list) = &function.args else { return false };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(length)))) = list.args.get(1) else { return false };
    match &length.value {
        Value::Number(text, _) => text.parse::<u64>().is_ok_and(|length| length <= PAD_MAX),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_reading() {
        for sql in [
            "SELECT 1",
            "select * from events;",
            "SELECT count(*) FROM EVENTS e JOIN profiles p ON p.profile_id = e.profile_id",
            "WITH a AS (SELECT node FROM identities) SELECT * FROM a UNION ALL SELECT node FROM events",
            "SELECT * FROM (SELECT event, count(*) n FROM events GROUP BY 1) WHERE n > 1 ORDER BY n DESC LIMIT 3",
            "SELECT (SELECT count(*) FROM objects), lpad(source, 10, ' ') FROM failed_events",
            "SELECT cause FROM profile_changes WHERE profile_id IN (SELECT profile_id FROM identities)",
            "SELECT \"event\" FROM \"events\" -- a comment",
        ] {
            assert!(admit(sql).is_ok(), "{sql}: {:?}", admit(sql));
        }
        let tables = admit("SELECT 1 FROM events, profiles").unwrap().tables;
        assert_eq!(tables.into_iter().collect::<Vec<_>>(), ["events", "profiles"]);
    }

    #[test]
    fn refuses_everything_else() {
        let parens = format!("SELECT {}1{}", "(".repeat(7000), ")".repeat(7000));
        let sum = format!("SELECT 1{}", "+1".repeat(7000));
        let long = format!("SELECT '{}'", "x".repeat(TEXT_BYTES_MAX));
        let unions = "SELECT 1 UNION ".repeat(900) + "SELECT 1";
        for sql in CORPUS.iter().copied().chain([parens.as_str(), &sum, &long]) {
            let shown: String = sql.chars().take(80).collect();
            assert!(matches!(admit(sql), Err(Error::Refused { .. })), "admitted: {shown}");
        }
        _ = admit(&unions);
    }

    const CORPUS: &[&str] = &[
        "",
        ";",
        "SELECT",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE events",
        "COPY events TO '/tmp/x.csv'",
        "COPY (SELECT * FROM events) TO 's3://bucket/x'",
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE VIEW v AS SELECT 1",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "INSERT INTO events VALUES (1)",
        "UPDATE events SET event = 'x'",
        "DELETE FROM events",
        "MERGE INTO events USING profiles ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE TABLE events",
        "DROP TABLE events",
        "ALTER TABLE events ADD COLUMN x INT",
        "SET datafusion.execution.batch_size = 1",
        "RESET ALL",
        "SHOW ALL",
        "SHOW TABLES",
        "DESCRIBE events",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "DEALLOCATE p",
        "BEGIN",
        "COMMIT",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT * FROM events",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 's3://bucket/key.parquet'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM datafusion.public.events",
        "SELECT * FROM other.events",
        "SELECT * FROM EVENTS2",
        "SELECT * FROM \"Events\"",
        "SELECT * FROM ｅｖｅｎｔｓ",
        "SELECT * FROM events/**/;/**/DROP TABLE events",
        "SELECT * INTO t FROM events",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r",
        "SELECT * FROM generate_series(1, 10000000000)",
        "SELECT generate_series(1, 10000000000)",
        "SELECT Range(10000000000)",
        "SELECT \"range\"(10000000000)",
        "SELECT * FROM range(1, 10)",
        "SELECT * FROM unnest([1, 2])",
        "SELECT * FROM events, LATERAL generate_series(1, 10)",
        "SELECT repeat('x', 1000000000)",
        "SELECT lpad('x', 1000000000)",
        "SELECT rpad('x', length(event)) FROM events",
        "SELECT array_repeat(1, 1000000000)",
        "SELECT 1 FROM events WHERE x IN (SELECT range(1, 9))",
        "SELECT 1 ORDER BY (SELECT max(x) FROM secrets)",
        "WITH a AS (DELETE FROM events RETURNING *) SELECT * FROM a",
        "TABLE secrets",
        "VALUES (1) UNION TABLE events",
        "SELECT * FROM events FOR UPDATE",
        "SELECT input_file_name() FROM events",
        "GRANT ALL ON events TO public",
        "CALL f()",
        "LOAD 'x'",
        "ATTACH DATABASE 'x' AS y",
        "PRAGMA x",
        "VACUUM",
        "ANALYZE events",
        "KILL 1",
        "USE other",
        "LISTEN x",
    ];
}
