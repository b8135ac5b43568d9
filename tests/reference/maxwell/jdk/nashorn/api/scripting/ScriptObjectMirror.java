// ScriptObjectMirror.java - Maxwell asks of values whether they are of this class, which Java 17
// does not have any more. None is.
package jdk.nashorn.api.scripting;

public class ScriptObjectMirror {
}
