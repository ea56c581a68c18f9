/** The ports that people expect. */

/** Node 0 of a testnet gets the default ports (27656 for peers, 27657 for HTTP) where they and those after them are free. */
export const preferredBasePort = 27_656;
