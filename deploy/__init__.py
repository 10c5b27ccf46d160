"""What puts the exporter onto hosts: installation, container, fleet, and the files that are generated for them."""
