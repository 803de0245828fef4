void cgrpc_placeholder();
