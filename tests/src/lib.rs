//! Runs the whole binary against real parts.
