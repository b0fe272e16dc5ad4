"""operon's gRPC data provider on krkn-lib."""
