// Empty: see winsock2.h.
