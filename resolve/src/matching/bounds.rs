//! How many of everything: the numbers that keep each record's work small,
//! however many records there are.

/// The numbers of a run; part of what a partition is a function of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Most records that may carry an open key.
    pub(crate) open: usize,
    /// Partners kept for a record.
    pub(crate) partners: usize,
    /// Most members of a unit.
    pub(crate) unit: usize,
    /// Items that stand for a node of items joined beforehand.
    pub(crate) node: usize,
    /// Least weight, in bits, that holds a unit together, step by step.
    pub(crate) ladder: &'static [i32],
}

impl Bounds {
    /// Partners that the engine keeps of a record beyond those that are looked at, so
    /// that one may go without the others being found afresh. Few: a key that closes
    /// takes many at once, however many there are.
    pub(crate) const SPARE: usize = 2;

    /// Those of every run but some tests, which need small ones.
    pub(crate) const REAL: Self =
        Self { open: 40, partners: 16, unit: 64, node: 16, ladder: &[0, 2, 4, 6, 8, 10, 12, 15, 20] };
}
