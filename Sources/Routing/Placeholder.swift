// placeholder until the first feature of this room
