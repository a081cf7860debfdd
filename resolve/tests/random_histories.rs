//! The incremental forest equals Kruskal's from scratch, whatever the history.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use tributary_resolve::{Edge, Graph, NodeFacts, NodeId, Resolver, Strength, kruskal};

const CASES: u64 = 10_000;

fn random_edge(rng: &mut SmallRng, nodes: u128) -> Edge {
    let a = rng.random_range(0..nodes);
    let b = (a + rng.random_range(1..nodes)) % nodes;
    let strength = Strength { class: 1, rank: rng.random_range(0..4), first_seen: rng.random_range(0..6) };
    Edge::new(NodeId(a), NodeId(b), strength)
}

fn facts(rng: &mut SmallRng) -> NodeFacts {
    NodeFacts { is_user_id: rng.random_bool(0.3), generic: false }
}

fn assert_equals_kruskal(graph: &Graph, seed: u64) {
    let edges: Vec<(Edge, bool)> = graph.all_edges().collect();
    let all: Vec<Edge> = edges.iter().map(|(edge, _)| *edge).collect();
    let expected = kruskal(graph.nodes(), &all);
    let held = edges.iter().filter(|(_, in_forest)| *in_forest).map(|(edge, _)| edge.key()).collect();
    assert_eq!(expected.edges, held, "seed {seed}");
}

/// Components as the changes tell them, batch after batch.
fn track(members: &mut BTreeMap<NodeId, Vec<NodeId>>, changes: &tributary_resolve::Changes) {
    for component in &changes.before {
        for node in component {
            assert_eq!(members.get(node), Some(component), "what was before is what was told");
        }
    }
    for component in &changes.components {
        for node in component {
            members.insert(*node, component.clone());
        }
    }
}

#[test]
fn random_histories_equal_kruskal() {
    for seed in 0..CASES {
        let mut rng = SmallRng::seed_from_u64(seed);
        let nodes = rng.random_range(2..14_u128);
        let kinds: Vec<NodeFacts> = (0..nodes).map(|_| facts(&mut rng)).collect();
        let mut graph = Graph::default();
        let mut members = BTreeMap::new();
        for _ in 0..rng.random_range(1..12) {
            let mut resolver = Resolver::new(&graph);
            for _ in 0..rng.random_range(1..6) {
                step(&mut resolver, &mut rng, nodes, &kinds);
            }
            let Ok(changes) = resolver.finish();
            graph.apply(&changes);
            track(&mut members, &changes);
            assert_equals_kruskal(&graph, seed);
        }
        let all: Vec<Edge> = graph.all_edges().map(|(edge, _)| edge).collect();
        for component in kruskal(graph.nodes(), &all).components {
            for node in &component {
                assert_eq!(members.get(node), Some(&component), "seed {seed}");
            }
        }
    }
}

fn step(resolver: &mut Resolver<'_, Graph>, rng: &mut SmallRng, nodes: u128, kinds: &[NodeFacts]) {
    let edge = random_edge(rng, nodes);
    for node in [edge.a, edge.b] {
        let Ok(()) = resolver.add_node(node, kinds[usize::try_from(node.0).unwrap()]);
    }
    let Ok(()) = match rng.random_range(0..20) {
        0..14 => resolver.observe(edge).map(drop),
        14..19 => resolver.remove(edge.a, edge.b),
        _ => resolver.set_generic(edge.a),
    };
}

#[test]
fn ten_thousand_identifiers_in_a_chain() {
    let mut graph = Graph::default();
    let strength = |time: i64| Strength { class: 1, rank: 3, first_seen: time };
    let mut resolver = Resolver::new(&graph);
    for node in 0..10_000_u128 {
        let Ok(()) = resolver.add_node(NodeId(node), NodeFacts { is_user_id: node == 0, generic: false });
        if node > 0 {
            let edge = Edge::new(NodeId(node - 1), NodeId(node), strength(i64::try_from(node).unwrap()));
            let Ok(is_new) = resolver.observe(edge);
            assert!(is_new);
        }
    }
    let Ok(changes) = resolver.finish();
    assert_eq!(changes.components.len(), 1);
    graph.apply(&changes);
    assert_eq!(graph.all_edges().filter(|(_, in_forest)| *in_forest).count(), 9_999);
}
