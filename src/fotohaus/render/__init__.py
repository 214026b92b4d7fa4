"""Room render: Scene to Picture, display-referred."""
