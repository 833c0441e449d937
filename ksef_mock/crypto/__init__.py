"""Certificate authorities, chains and test certificates: no server, no rule of KSeF."""
