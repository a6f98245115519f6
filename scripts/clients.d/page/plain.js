'use strict'
window.plainScriptRan = true
