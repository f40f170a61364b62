// A note to read: letters press what the page offers.
import { watchKeys } from '../keys.js'

watchKeys()
