void csimdjson_placeholder();
