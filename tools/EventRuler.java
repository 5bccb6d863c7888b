import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Answers each line {"pattern": text, "event": text} with true, false or invalid, as AWS's event-ruler sees it. */
public class EventRuler {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode asked = json.readTree(line);
            answers.println(answer(asked.get("pattern").asText(), asked.get("event").asText()));
        }
        answers.flush();
    }

    private static String answer(String pattern, String event) throws Exception {
        Machine machine = new Machine();
        try {
            machine.addRule("rule", pattern);
        } catch (Exception | StackOverflowError refused) {
            return "invalid " + String.valueOf(refused.getMessage()).replace('\n', ' ');
        }
        return String.valueOf(!machine.rulesForJSONEvent(event).isEmpty());
    }
}
