"""Standard protocols, phantoms, coils and encodings by name: what ``bloch simulate`` offers."""
