/*
 * Runs Debezium's connector, once for each set of options, all on the same server at the same
 * time, and writes what each gives.
 *
 *   java -cp 'jars/*' Capture.java CONNECTOR_CLASS FOLDER
 *   java -cp 'jars/*' Capture.java CONNECTOR_CLASS --properties
 *
 * FOLDER holds a NAME.properties for each set. A line READY NAME is printed when that one has
 * seen its first row of the table `mark`; messages are written to NAME.jsonl from the row with
 * id 0 of that table on, until the one with id -1. A message is a line {"topic","key","value",
 * "headers"}: the texts that Connect's JsonConverter with schemas makes, headers as Connect's
 * SimpleHeaderConverter has them (both are a worker's usual choice).
 *
 * --properties prints the names of all the connector's properties and their defaults.
 */
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.debezium.embedded.Connect;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

public class Capture {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** One connector and where its messages go. */
    private static final class Run {
        final String name;
        final PrintWriter out;
        final JsonConverter keys = new JsonConverter();
        final JsonConverter values = new JsonConverter();
        final SimpleHeaderConverter headers = new SimpleHeaderConverter();
        final CountDownLatch ended = new CountDownLatch(1);
        boolean ready;
        boolean writing;
        DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine;

        Run(String name, Path folder) throws Exception {
            this.name = name;
            out = new PrintWriter(Files.newBufferedWriter(folder.resolve(name + ".jsonl"),
                    StandardCharsets.UTF_8));
            keys.configure(Map.of("schemas.enable", "true"), true);
            values.configure(Map.of("schemas.enable", "true"), false);
            headers.configure(Map.of("converter.type", "header"));
        }

        void take(SourceRecord record) {
            try {
                if (!isMark(record) && writing) {
                    write(record);
                }
            } catch (Exception e) {
                fail(e);
            }
        }

        private boolean isMark(SourceRecord record) {
            if (!record.topic().endsWith(".mark") || !(record.value() instanceof Struct)) {
                return false;
            }
            int id = ((Struct) record.value()).getStruct("after").getInt32("id");
            if (!ready) {
                System.out.println("READY " + name);
                ready = true;
            }
            if (id == 0) {
                writing = true;
            } else if (id == -1) {
                writing = false;
                out.close();
                ended.countDown();
            }
            return true;
        }

        private void write(SourceRecord record) throws Exception {
            ObjectNode line = JSON.createObjectNode();
            line.put("topic", record.topic());
            line.put("key", text(keys.fromConnectData(record.topic(), record.keySchema(),
                    record.key())));
            line.put("value", text(values.fromConnectData(record.topic(), record.valueSchema(),
                    record.value())));
            ObjectNode all = line.putObject("headers");
            for (Header header : record.headers()) {
                all.put(header.key(), text(headers.fromConnectHeader(record.topic(), header.key(),
                        header.schema(), header.value())));
            }
            out.println(JSON.writeValueAsString(line));
        }

        void fail(Throwable e) {
            System.out.println("FAILED " + name);
            for (Throwable t = e; t != null; t = t.getCause()) {
                System.out.println("  " + t);
            }
            out.flush();
            ended.countDown();
        }
    }

    private static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    private static void printProperties(String connector) throws Exception {
        var config = ((SourceConnector) Class.forName(connector).getDeclaredConstructor()
                .newInstance()).config();
        for (var key : new TreeMap<>(config.configKeys()).values()) {
            System.out.println(key.name + "\t" + (key.hasDefault() ? key.defaultValue : ""));
        }
    }

    public static void main(String[] words) throws Exception {
        if (words[1].equals("--properties")) {
            printProperties(words[0]);
            System.exit(0);
        }
        Path folder = Path.of(words[1]);
        List<Run> runs = new ArrayList<>();
        try (var files = Files.newDirectoryStream(folder, "*.properties")) {
            for (Path file : files) {
                Properties given = new Properties();
                try (var in = Files.newInputStream(file)) {
                    given.load(in);
                }
                String name = file.getFileName().toString().replace(".properties", "");
                Run run = new Run(name, folder);
                given.setProperty("name", name);
                given.setProperty("connector.class", words[0]);
                run.engine = DebeziumEngine.create(Connect.class).using(given)
                        .using((success, message, error) -> {
                            if (!success) {
                                run.fail(error == null ? new Exception(message) : error);
                            }
                        })
                        .notifying(event -> run.take(event.value())).build();
                runs.add(run);
                Thread thread = new Thread(run.engine, name);
                thread.setDaemon(true);
                thread.start();
            }
        }
        for (Run run : runs) {
            if (!run.ended.await(10, TimeUnit.MINUTES)) {
                System.out.println("LATE " + run.name);
            }
        }
        System.out.println("END");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}
