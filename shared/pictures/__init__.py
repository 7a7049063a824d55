"""What a picture file is, told from its first bytes: used at the door (gateway) and in the decoder."""
