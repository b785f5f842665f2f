//! A bounded builder of elements from parser events: no recursion, no unbounded memory.
